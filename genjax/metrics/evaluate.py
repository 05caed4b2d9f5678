"""The figures of a trained model on a data set, with a record of how they were measured."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.files import enable_compilation_cache, software
from genjax.metrics import likelihood
from genjax.progress import progress as progress_bar
from genjax.types import Params, UserError, has, to_json

_IMAGES_AT_ONCE = 100


@partial(jax.jit, static_argnames="num_samples")
def _measure(
    params: Params, images: jax.Array, key: jax.Array, *, num_samples: int
) -> dict[str, jax.Array]:
    """Every quantity of each of the images, uint8 [N, H, W, C]: name -> [N, ...]."""
    model: Any = params.model
    images = images.astype(jnp.float32) / 255.0
    values = {}
    if has(model, "encode", "decode"):
        error = model.decode(params, model.encode(params, images)) - images
        values["reconstruction_error"] = jnp.mean(error**2, axis=(1, 2, 3))
    if has(model, "observe", "posterior", "distortion_and_rate", "log_weights"):
        key_x, key_elbo, key_nll = jax.random.split(key, 3)
        x = model.observe(images, key_x)  # the same for both bounds
        distortion, rate = model.distortion_and_rate(params, x, key_elbo)
        values |= {"negative_elbo": distortion + rate, "distortion": distortion, "rate": rate}
        values["nll"] = likelihood.importance_weighted_nll(
            params, x, key_nll, num_samples=num_samples
        )
        values["posterior_means"] = model.posterior(params, x).loc
    return values


def evaluate(
    params: Params,
    dataset: Dataset,
    key: jax.Array,
    *,
    num_samples: int = 500,
    num_images: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Measures what the model's parts allow, on the images of `dataset`, in order.

    Args:
        num_samples: k of the importance-weighted bound.
        num_images: only the first so many; all by default.
        progress: show a bar.

    Returns:
        For a model that reconstructs: `reconstruction_error`, the mean squared error a pixel of
        the images as they are, in units of [0, 1]. For one with a likelihood also, in nats an
        image, `negative_elbo` with its halves `distortion` and `rate`, and `nll`, the bound of
        k = `num_samples`; and `active_units`; these on what the likelihood is defined on: a binary
        likelihood on one binary draw of every image, the same for all. Every mean over images has
        its standard error beside it, `..._sem`.
        `record` says how all this was measured.

    Raises:
        UserError: if the images of `dataset` have another shape than the model's, or a number is
            below 1.
    """
    model = params.model
    if dataset.image_shape != model.image_shape:
        raise UserError(
            f"the model makes images of shape {model.image_shape}, but those of"
            f" {dataset.name!r} have {dataset.image_shape}."
        )
    if num_samples < 1 or (num_images is not None and num_images < 1):
        raise UserError("num_samples and num_images must be at least 1.")
    enable_compilation_cache()
    count = min(num_images or len(dataset), len(dataset))
    parts = []
    with progress_bar(total=count, desc="measuring", show=progress) as bar:
        for number, start in enumerate(range(0, count, _IMAGES_AT_ONCE)):
            # the last batch is filled up with its last image, so that one program serves all
            index = np.minimum(np.arange(start, start + _IMAGES_AT_ONCE), count - 1)
            values = _measure(
                params,
                dataset.images[index],
                jax.random.fold_in(key, number),
                num_samples=num_samples,
            )
            real = min(_IMAGES_AT_ONCE, count - start)
            parts.append({name: np.asarray(value)[:real] for name, value in values.items()})
            bar.update(real)
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    result: dict[str, Any] = {}
    posterior_means = values.pop("posterior_means", None)
    for name, value in values.items():
        result[name] = float(np.mean(value, dtype=np.float64))
        result[f"{name}_sem"] = float(np.std(value, dtype=np.float64) / np.sqrt(count))
    if posterior_means is not None:
        result["active_units"] = likelihood.active_units(posterior_means)
    result["record"] = {
        "model": to_json(model),
        "dataset": dataset.record() | {"num_images": count},
        "num_samples": num_samples,
        "software": software(),
        "key": jax.random.key_data(key).tolist(),
    }
    return result
