"""Weights of images by the rarity of their latents, and subsets drawn by them.

The equations are those of `genjax.models.resampling`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from genjax.data import Dataset
from genjax.distributions import is_active
from genjax.errors import UserError
from genjax.latents.sampling import encode
from genjax.model import Params
from genjax.models.resampling import Form, check, check_counts, probabilities


def resampling_weights(
    params: Params,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    form: Form = "max",
    alpha: float = 0.01,
    bins: int = 10,
) -> np.ndarray:
    """(3) of images [N, H, W, C] in [0, 1], by the latents of any model that encodes: p [N].

    The rarer what an image shows, the larger its weight; their sum is 1. With labels, int [N], each
    class has histograms of its own, and keeps its share. The other arguments are those of the
    module's equations.

    Raises:
        TypeError: if the model has no encoder.
        UserError: where an argument is out of its bounds, a class has fewer images than bins, or no
            latent varies.
    """
    check(alpha, bins)
    if form not in ("max", "product"):
        raise UserError(f'form is {form!r}, but must be "max" or "product".')
    images = jnp.asarray(images)
    classes = np.zeros(len(images), np.int32) if labels is None else np.asarray(labels)
    if classes.shape != (len(images),) or not np.issubdtype(classes.dtype, np.integer):
        raise UserError(
            f"labels are {classes.dtype}{list(classes.shape)}, but must be whole numbers"
            f" [{len(images)}], one an image."
        )
    check_counts(classes, bins)
    z = encode(params, images)
    if not np.any(is_active(z)):
        raise UserError(
            f"no latent of the model varies over the {len(images)} images (variance above 0.01), so"
            " none is rarer than another: train it longer, or with a smaller weight of the rate."
        )
    names, numbers = np.unique(classes, return_inverse=True)
    p = probabilities(
        z, jnp.asarray(numbers), num_classes=len(names), form=form, alpha=alpha, bins=bins
    )
    return np.asarray(p)


def balanced_subset(
    params: Params,
    dataset: Dataset,
    num: int,
    key: jax.Array,
    *,
    form: Form = "max",
    alpha: float = 0.01,
    bins: int = 10,
) -> Dataset:
    """`num` different images of `dataset`, drawn by their `resampling_weights`.

    Drawn one after another, without replacement (by the largest of log p + Gumbel noise), in every
    class the share that it has of all; so the more of the images are wanted, the less can be
    favoured.

    Raises:
        TypeError, UserError: as `resampling_weights`, and unless 1 <= `num` <= len(dataset).
    """
    if not 1 <= num <= len(dataset):
        raise UserError(
            f"num is {num}, but must be from 1 to {len(dataset)}, the images there are."
        )
    labels = np.asarray(dataset.labels)
    images = dataset.images / np.float32(255)
    p = resampling_weights(params, images, labels, form=form, alpha=alpha, bins=bins)
    noisy = np.log(p) + np.asarray(jax.random.gumbel(key, p.shape))
    ranked = np.lexsort((-noisy, labels))  # class by class, in each the first drawn first
    sizes = np.unique(labels, return_counts=True)[1]
    drawn_after = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    chosen = ranked[np.argsort(drawn_after, kind="stable")[:num]]
    return dataset.subset(np.sort(chosen), f"{num} drawn by resampling weights")
