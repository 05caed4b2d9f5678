"""Frechet distance between two sets of images, each fitted by a Gaussian in a space of features.

(1) d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))     means m, covariances C
          Heusel et al. 2017, arXiv:1706.08500, equation 6 (Dowson & Landau 1982)
(2) tr (C1 C2)^(1/2) = tr (S C2 S)^(1/2),  S = C1^(1/2)
          S C2 S is symmetric and has the eigenvalues of C1 C2, so the square root is real
(3) features of a convolutional network with fixed random weights, at three scales: after the first
          convolution every channel's mean and standard deviation over the pixels, after the others
          its means over the four quarters of the image (which tell shapes, and so classes, apart)

The number reported is d^2, as everywhere. With (3) it needs no labels and no training, and serves
images of any kind: Naeem et al. 2020, arXiv:2002.09797, section 5, show that random features do,
where the data are unlike natural photographs. This is not the standard FID, which uses Inception
features; compare it only with itself. It falls with the number of images: compare at equal numbers.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from genjax.data import Dataset, Stream
from genjax.errors import UserError, check_integer
from genjax.metrics.chunking import check_shape, padded_chunks, to_bytes
from genjax.metrics.coverage import check_points
from genjax.metrics.samples import IMAGES_AT_ONCE, draw_images, generate_samples
from genjax.model import HasFrozenFeatures, Model, Params
from genjax.model.compiling import jit
from genjax.nn.conv import conv
from genjax.nn.networks import flatten

_CHANNELS = (8, 12, 16)
Features = Callable[[Any], np.ndarray]
Gaussian = tuple[np.ndarray, np.ndarray]  # mean [D] and covariance [D, D], float64


def frechet_distance(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> float:
    """Compute d^2, (1), of two Gaussians: real and at least 0, in units of the features squared.

    Args:
        mean1: [D].
        cov1: [D, D].
        mean2: [D].
        cov2: [D, D].

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])  # 3^2 + (2 - 1)^2
    10.0
    """
    m1, c1, m2, c2 = (np.asarray(a, np.float64) for a in (mean1, cov1, mean2, cov2))
    values, vectors = np.linalg.eigh(c1)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    product = root @ c2 @ root
    values = np.linalg.eigvalsh((product + product.T) / 2)
    trace = np.sum(np.sqrt(np.maximum(values, 0.0)))  # (2)
    distance = np.sum((m1 - m2) ** 2) + np.trace(c1) + np.trace(c2) - 2 * trace  # (1)
    return float(max(distance, 0.0))  # of equal Gaussians it may fall below 0 by rounding


def fit_gaussian(features: ArrayLike) -> Gaussian:
    """Compute mean and covariance of features [N, D].

    Raises:
        UserError: where there are fewer than two, or one is not finite.
    """
    if np.ndim(features) == 2 and len(np.asarray(features)) < 2:
        raise UserError("a Frechet distance needs at least two images on either side.")
    x = check_points(features, "features", 2).astype(np.float64)
    return x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))


def compare_features(x: ArrayLike, y: ArrayLike) -> float:
    """Compute (1) between two sets of features, [N, D] and [M, D]."""
    return frechet_distance(*fit_gaussian(x), *fit_gaussian(y))


def _kernels(image_channels: int) -> list[np.ndarray]:
    """Draw the kernels [4, 4, C, O] of (3), of variance 1 / fan-in, the same on every machine."""
    rng = np.random.default_rng(2002)
    sizes = itertools.pairwise((image_channels, *_CHANNELS))
    return [rng.normal(0, (16 * c) ** -0.5, (4, 4, c, o)).astype(np.float32) for c, o in sizes]


@jit
def _random_features(images: jax.Array) -> jax.Array:
    """Compute (3) of bytes [N, H, W, C]: [N, 128]."""
    x, scales = images.astype(jnp.float32) / 127.5 - 1.0, []
    for kernel in _kernels(images.shape[-1]):
        x = jax.nn.leaky_relu(conv(x, jnp.asarray(kernel), stride=2), 0.2)
        scales.append(x)
    first, *others = scales
    quarters = [jax.image.resize(x, (len(x), 2, 2, x.shape[-1]), "linear") for x in others]
    pooled = [jnp.mean(first, axis=(1, 2)), jnp.std(first, axis=(1, 2)), *map(flatten, quarters)]
    return jnp.concatenate(pooled, axis=1)


def random_features(images: ArrayLike) -> Float[np.ndarray, "n d"]:
    """Compute the features (3) of images [N, H, W, C], a chunk at a time."""
    return _map_chunks(_random_features, images)


def _map_chunks(features: Callable[[jax.Array], jax.Array], images: ArrayLike) -> np.ndarray:
    """Compute features of images [N, H, W, C], given as bytes, a chunk at a time."""
    stored = to_bytes(images)
    parts = [
        np.asarray(features(stored[index]))[:count]
        for index, count in padded_chunks(len(stored), IMAGES_AT_ONCE)
    ]
    return np.concatenate(parts)


@partial(jit, static_argnums=0)
def _own_features(model: Any, images: jax.Array) -> jax.Array:
    """Compute the features that the model learns from, of bytes [N, H, W, C]."""
    return model.pool_features(images.astype(jnp.float32) / 255)


def make_distance(
    dataset: Dataset | Stream,
    num: int = 2000,
    model: Model | None = None,
    features: Features | None = None,
) -> Callable[..., float]:
    """Make a function `(params, key) -> d^2` that measures a model, cheaply enough for every epoch.

    It compares `num` samples with `num` images of the data set in the features (3); lower is
    better. It also takes what `genjax.sample` takes beside them: a temperature, a density.

    Args:
        dataset: of which `num` images are drawn, the same at every call; all, if it has fewer.
        num: how many of either.
        model: what is measured. Where it learns from the features of a trained network
            (`genjax.ProjectedGAN`), those take the place of (3).
        features: images [N, H, W, C] -> [N, D], in the place of (3), such as the method `features`
            of a `genjax.metrics.Classifier`.

    Raises:
        UserError: where `num` or the number of images is below 2, or the data set is a stream.

    >>> images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), np.uint8)
    >>> distance = make_distance(genjax.data.from_arrays(images), num=9)
    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> distance(genjax.init(model, jax.random.key(0)), jax.random.key(1)) > 0
    True
    """
    num = check_integer(num, "num", least=2)  # covariances need two
    if isinstance(model, HasFrozenFeatures):
        own = model.for_images(dataset.image_shape)  # type: ignore[attr-defined]
        features = partial(_map_chunks, partial(_own_features, own))
    features = features or random_features
    real = fit_gaussian(features(draw_images(dataset, num)))

    def distance(params: Params, key: jax.Array, **options: Any) -> float:
        check_shape(params.model, dataset)
        samples = generate_samples(params, key, num, **options)
        return frechet_distance(*fit_gaussian(features(samples)), *real)

    return distance
