"""Frechet distance between two sets of images, each taken for a Gaussian in a space of features.

(1) d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))     means m, covariances C
          Heusel et al. 2017, arXiv:1706.08500, equation 6 (Dowson & Landau 1982)
(2) tr (C1 C2)^(1/2) = tr (S C2 S)^(1/2),  S = C1^(1/2)
          S C2 S is symmetric and has the eigenvalues of C1 C2, so the square root is real
(3) features of a convolutional network with fixed random weights, at three scales: after the first
          convolution every channel's mean and standard deviation over the pixels, after the others
          its means over the four quarters of the image (which tell shapes, and so classes, apart)

The number reported is d^2, as everywhere. With (3) it needs no labels and no training, and serves
for images of any kind; that random embeddings do, where the data are unlike natural photographs, is
shown by Naeem et al. 2020, arXiv:2002.09797, section 5. It is no FID, and comparable only with
itself. It falls with the number of images: compare at equal numbers.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax import latents
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.metrics.images import check_shape, padded_chunks
from genjax.model import Params
from genjax.nn.conv import conv
from genjax.nn.networks import flatten

IMAGES_AT_ONCE = 500
_CHANNELS = (8, 12, 16)
Gaussian = tuple[np.ndarray, np.ndarray]  # mean [D] and covariance [D, D], float64


def frechet_distance(
    mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray
) -> float:
    """(1): means [D] and covariances [D, D] -> d^2, real and at least 0, in features squared."""
    mean1, cov1, mean2, cov2 = (np.asarray(a, np.float64) for a in (mean1, cov1, mean2, cov2))
    values, vectors = np.linalg.eigh(cov1)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    product = root @ cov2 @ root
    values = np.linalg.eigvalsh((product + product.T) / 2)
    trace = np.sum(np.sqrt(np.maximum(values, 0.0)))  # (2)
    distance = np.sum((mean1 - mean2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2 * trace  # (1)
    return float(max(distance, 0.0))  # of equal Gaussians it may fall below 0 by rounding


def fit_gaussian(features: np.ndarray) -> Gaussian:
    """Mean [D] and covariance [D, D] of features [N, D]. Raises `UserError` where N < 2."""
    if len(features) < 2:
        raise UserError("a Frechet distance needs at least two images on either side.")
    features = np.asarray(features, np.float64)
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def _kernels(image_channels: int) -> list[np.ndarray]:
    """The random kernels [4, 4, C, O] of (3): of variance 1 / fan-in, the same everywhere."""
    rng = np.random.default_rng(2002)
    sizes = itertools.pairwise((image_channels, *_CHANNELS))
    return [rng.normal(0, (16 * c) ** -0.5, (4, 4, c, o)).astype(np.float32) for c, o in sizes]


@jax.jit
def _random_features(images: jax.Array) -> jax.Array:
    """(3): uint8 [N, H, W, C] -> [N, 128]."""
    x, scales = images.astype(jnp.float32) / 127.5 - 1.0, []
    for kernel in _kernels(images.shape[-1]):
        x = jax.nn.leaky_relu(conv(x, jnp.asarray(kernel), stride=2), 0.2)
        scales.append(x)
    first, *others = scales
    quarters = [jax.image.resize(x, (len(x), 2, 2, x.shape[-1]), "linear") for x in others]
    pooled = [jnp.mean(first, axis=(1, 2)), jnp.std(first, axis=(1, 2)), *map(flatten, quarters)]
    return jnp.concatenate(pooled, axis=1)


def random_features(images: jax.Array) -> np.ndarray:
    """(3): uint8 [N, H, W, C] -> [N, D], a chunk at a time."""
    parts = [
        np.asarray(_random_features(images[index]))[:real]
        for index, real in padded_chunks(len(images), IMAGES_AT_ONCE)
    ]
    return np.concatenate(parts)


@partial(jax.jit, static_argnames="num")
def _quantised_samples(params: Params, key: jax.Array, *, num: int, **how: Any) -> jax.Array:
    return jnp.round(255.0 * latents.sample(params, key, num, **how)).astype(jnp.uint8)


def generate_samples(
    params: Params,
    key: jax.Array,
    num: int,
    drawn: Callable[[int], object] = lambda _: None,
    **how: Any,
) -> jax.Array:
    """`num` samples as uint8 [num, H, W, C], as the data are stored; drawn a chunk at a time.

    The last chunk is cut, so the first of many samples are those of a smaller `num`. `drawn` is
    told the number of samples after each chunk. `how` is what else `genjax.sample` takes: a
    temperature, a density.
    """
    chunks = []
    for number, start in enumerate(range(0, num, IMAGES_AT_ONCE)):
        fresh = _quantised_samples(
            params, jax.random.fold_in(key, number), num=IMAGES_AT_ONCE, **how
        )
        chunks.append(fresh.block_until_ready()[: num - start])
        drawn(len(chunks[-1]))
    return jnp.concatenate(chunks)


def draw_images(dataset: Dataset, num: int) -> jax.Array:
    """uint8 [num, H, W, C], the same random ones at every call; all where there are fewer."""
    order = jax.random.permutation(jax.random.key(0), len(dataset))
    return dataset.images[order[:num]]


def make_distance(dataset: Dataset, num: int = 2000) -> Callable[..., float]:
    """A function `(params, key) -> d^2` that classifies a model against `dataset`, often and cheaply.

    (1) in the features (3), between `num` samples and `num` images of the data set, the same at
    every call (all, where it has fewer). Lower is better. The function also takes what
    `genjax.sample` takes beside them: a temperature, a density.

    Raises:
        UserError: where `num` or the number of images is below 2.
    """
    if num < 2:
        raise UserError(f"num is {num}, but a Frechet distance needs at least 2 samples.")
    real = fit_gaussian(random_features(draw_images(dataset, num)))

    def distance(params: Params, key: jax.Array, **how: Any) -> float:
        check_shape(params.model, dataset)
        samples = generate_samples(params, key, num, **how)
        return frechet_distance(*fit_gaussian(random_features(samples)), *real)

    return distance
