"""Fit a density to the codes of training images, and measure its samples as `fitted_...`."""

from typing import Any, Literal

import jax

import genjax
from genjax import metrics
from genjax.data import Dataset
from genjax.latents import LatentDensity
from genjax.model import Params

DensityKind = Literal["none", "mixture", "flow"]
DENSITY_IMAGES = 30_000  # training images, drawn at random, whose codes a density is fitted to
_MOST_COMPONENTS, _IMAGES_A_COMPONENT = 50, 300


def fit_codes(
    params: Params, train_set: Dataset, key: jax.Array, kind: DensityKind, num_components: int = 0
) -> LatentDensity | None:
    """Fit a mixture or a flow to the codes of up to 30,000 training images; None for "none".

    Args:
        params: of a model that encodes.
        train_set: images, of which some are drawn, always the same.
        key: draws the codes and initialises the fit.
        kind: none, mixture or flow.
        num_components: of the mixture, or of the one that a flow begins as; 0 for one in every 300
            images, at most 50.

    Raises:
        MissingCapability: where the model does not encode.
    """
    if kind == "none":
        return None
    drawn = train_set.draw_subset(min(DENSITY_IMAGES, len(train_set)))
    usual = min(_MOST_COMPONENTS, -(-len(drawn) // _IMAGES_A_COMPONENT))
    return genjax.fit_density(params, drawn.images, key, num_components or usual, kind=kind)


def fit_and_measure(
    params: Params,
    key: jax.Array,
    kind: DensityKind,
    num: int,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
    train_set: Dataset,
    num_components: int = 0,
) -> dict[str, Any]:
    """Fit a density, and return the metrics of `num` of its samples, named `fitted_...`."""
    key_fit, key_samples = jax.random.split(key)
    density = fit_codes(params, train_set, key_fit, kind, num_components)
    samples = metrics.generate_samples(params, key_samples, num, density=density)
    found = metrics.measure_samples(samples, test_set, classifier, train_set)
    return {f"fitted_{name}": value for name, value in found.items()}
