"""Check what enters the functions on latents, and map a model's methods over it."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from genjax.errors import (
    MissingCapability,
    UserError,
    as_numpy,
    check_images,
    check_labels,
    check_numbers,
)
from genjax.model import (
    CanDecode,
    ClassConditional,
    HasPosterior,
    Params,
    get_model,
    require,
    takes_labels,
    with_labels,
)
from genjax.nn.chunks import in_chunks

Labels = jax.Array | None


def check_input(params: Params, images: ArrayLike) -> Float[Array, "n h w c"]:
    """Return images as float32 in [0, 1]; raise `UserError` on none, or of another shape."""
    checked = check_images(images, params.model.image_shape)
    if not len(checked):
        raise UserError("there are no images: give at least one.")
    return checked


def check_latents(params: Params, z: ArrayLike) -> Float[Array, "n d"]:
    """Return latents as float32 [N, latent_dim]; raise `UserError` on others, and on NaN."""
    latents, dim = check_numbers(z, "latents"), getattr(params.model, "latent_dim", 0)
    if latents.ndim != 2 or latents.shape[1] != dim or not len(latents):
        raise UserError(
            f"latents have the shape {latents.shape}, but must be [N, {dim}]: one row an image."
            + (" A single latent is z[None]." if latents.shape == (dim,) else "")
        )
    return latents


def check_row(values: ArrayLike, name: str) -> Float[Array, " m"]:
    """Return numbers in a row as float32 [M], M at least 1. Raise `UserError` on others."""
    numbers = check_numbers(values, name)
    if numbers.ndim != 1 or not numbers.size:
        raise UserError(f"{name} has the shape {numbers.shape}, but must be a row of numbers, [M].")
    return numbers


def check_classes(model: Any, labels: ArrayLike, num: int) -> Int[Array, " num"]:
    """Return labels as int [num], from one for all or from as many as are given.

    Raises:
        MissingCapability: where the model has no classes now, and would with another `num_classes`.
        UserError: where they are no labels, or those of unknown classes.
    """
    if getattr(model, "num_classes", None) == 0:
        raise MissingCapability("labels need a model with num_classes; this one has none.")
    check_labels(labels, getattr(model, "num_classes", 2**31))
    classes = jnp.asarray(labels, jnp.int32)
    if not classes.size:
        raise UserError("there are no labels: give one for each image, or one for all.")
    return classes if classes.ndim else jnp.full(num, classes)


def check_labels_for(
    model: Any, method: str, labels: ArrayLike | None, num: int
) -> Int[Array, " num"] | None:
    """Return the labels for a method of the model, int [num], or None.

    Raises:
        MissingCapability: where labels are given, and the method takes none.
        UserError: where the method needs labels and none are given, or their number is another.
    """
    name = type(model).__name__
    takes = takes_labels(getattr(model, method))
    if labels is None:
        parameter = inspect.signature(getattr(model, method)).parameters.get("labels")
        if parameter and parameter.default is inspect.Parameter.empty:
            raise UserError(f"{name} needs the labels of the images to {method}: int [N].")
        return None
    if not takes and not (method == "decode" and isinstance(model, ClassConditional)):
        raise MissingCapability(f"{name} takes no labels to {method}: leave them out.")
    classes = check_classes(model, labels, num)
    if len(classes) != num:
        raise UserError(
            f"there are {len(classes)} labels for {num}: give one for each, or one for all."
        )
    return classes


def check_dimensions(dimensions: ArrayLike, latent_dim: int) -> Int[Array, " m"]:
    """Return positions of latents. Raise `UserError` on one that is not from 0 to latent_dim - 1.

    Under `jit` the values are not checked.
    """
    chosen: Any = dimensions
    if not isinstance(chosen, jax.Array):
        chosen = as_numpy(dimensions, "dimensions")
    if chosen.ndim != 1 or not chosen.size or not jnp.issubdtype(chosen.dtype, jnp.integer):
        raise UserError(f"dimensions are {dimensions!r}, but must be a list of whole numbers.")
    known = not isinstance(chosen, jax.core.Tracer)
    if known and not (chosen.min() >= 0 and chosen.max() < latent_dim):
        raise UserError(
            f"dimensions are {chosen.tolist()}, but must be from 0 to {latent_dim - 1}: the model"
            f" has {latent_dim} latents."
        )
    return jnp.asarray(chosen)


def check_encoder_labels(model: Any, labels: ArrayLike | None, num: int) -> Labels:
    """Return the labels for the model's encoder, as `check_labels_for` does."""
    return check_labels_for(
        model, "posterior" if isinstance(model, HasPosterior) else "encode", labels, num
    )


def map_rows(
    method: Callable[..., Any], params: Params, items: Float[Array, "n ..."], labels: Labels
) -> Any:
    """Call a model's method on images or latents in chunks, with the labels if it takes them."""
    if labels is None or not takes_labels(method):
        return in_chunks(partial(method, params), items)
    return in_chunks(
        lambda rows: with_labels(method, labels[rows])(params, items[rows]), jnp.arange(len(items))
    )


def decode_rows(params: Params, z: Float[Array, "n d"], labels: Labels) -> Float[Array, "n h w c"]:
    """Decode latents in chunks, where there are labels into images of these classes."""
    model = require(get_model(params), CanDecode)
    if labels is not None and not takes_labels(model.decode):
        z = require(get_model(params), ClassConditional).condition_latents(z, labels)
    return map_rows(model.decode, params, z, labels)
