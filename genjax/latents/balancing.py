"""Weigh images by how rare their latents are, and draw subsets by these weights.

The equations are those of `genjax.models.resampling`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.data import Dataset, as_dataset
from genjax.distributions import is_active
from genjax.errors import UserError
from genjax.latents.sampling import encode
from genjax.model import Params
from genjax.model.random_keys import as_key
from genjax.models.resampling import check_counts, check_histogram, probabilities


def resampling_weights(
    params: Params,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    form: str = "max",
    alpha: float = 0.01,
    bins: int = 10,
) -> Float[np.ndarray, " n"]:
    """Compute the probability to draw each image: the rarer its latents, the larger, (3).

    Args:
        params: of any model that encodes.
        images: [N, H, W, C].
        labels: int [N]; each class then has histograms of its own and keeps its share.
        form: "max", "product" or "conflict", of (2).
        alpha: of (2); the smaller, the more the rare are favoured.
        bins: of each histogram, (1).

    Returns:
        Probabilities, whose sum is 1.

    Raises:
        MissingCapability: if the model has no encoder.
        UserError: where an argument is out of range, a class has fewer images than bins, no latent
            varies, or images of a single class shall conflict with others.
    """
    check_histogram(alpha, bins)
    if form not in ("max", "product", "conflict"):
        raise UserError(f'form is {form!r}, but must be "max", "product" or "conflict".')
    z = encode(params, images)
    classes = np.zeros(len(z), np.int32) if labels is None else np.asarray(labels)
    if classes.shape != (len(z),) or not np.issubdtype(classes.dtype, np.integer):
        raise UserError(
            f"labels are {classes.dtype}{list(classes.shape)}, but must be whole numbers"
            f" [{len(z)}], one for each image."
        )
    if form != "conflict":
        check_counts(classes, bins)
    elif len(np.unique(classes)) < 2:
        raise UserError("form conflict compares classes: give labels of at least two.")
    if not np.any(is_active(z)):
        raise UserError(
            f"no latent of the model varies over the {len(z)} images (variance above 0.01), so"
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
    key: PRNGKeyArray | int,
    *,
    form: str = "max",
    alpha: float = 0.01,
    bins: int = 10,
) -> Dataset:
    """Draw `num` different images of a data set by their `resampling_weights`.

    They are drawn without replacement, by the largest of log p + Gumbel noise. Every class keeps
    its share. The more images are drawn, the less the rare ones can be favoured.

    Args:
        params: of any model that encodes.
        dataset: images and labels.
        num: from 1 to len(dataset).
        key: the same key draws the same images. A whole number n stands for jax.random.key(n).
        form, alpha, bins: as of `resampling_weights`.

    Raises:
        MissingCapability, UserError: as `resampling_weights`, and where `num` is out of range.
    """
    dataset = as_dataset(dataset)
    dataset.check_count(num)
    labels = np.asarray(dataset.labels)
    p = resampling_weights(params, dataset.images, labels, form=form, alpha=alpha, bins=bins)
    noisy = np.log(p) + np.asarray(jax.random.gumbel(as_key(key), p.shape, p.dtype))
    ranked = np.lexsort((-noisy, labels))  # class by class, in each the first drawn first
    sizes = np.unique(labels, return_counts=True)[1]
    drawn_after = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    chosen = ranked[np.argsort(drawn_after, kind="stable")[:num]]
    return dataset.subset(np.sort(chosen), f"{num} drawn by resampling weights")
