"""The signs of a failing adversarial training: overfitting, a lost game, samples that are alike.

(1) o = (r - r') / (r - f)      the share of the discriminator's lead that is learned by heart; r,
                                r', f are its mean outputs for training, held-out and generated
                                images: 0 is none, 1 all
                                Karras et al. 2020, arXiv:2006.06676, equation 1
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.errors import check_images
from genjax.model import Model, Params, Terms, TrainingWarning
from genjax.nn.networks import flatten

_WATCHED = 256  # samples whose diversity is watched
_OUTPUTS = ("D(x)", "validation_D(x)", "D(G(z))")
_BY_HEART = 0.5  # of D_overfitting, beyond which the discriminator overfits, if it is ahead
_AHEAD, _WON = 0.8, 0.05  # of D_loss_share, below which it is ahead, and has won
_ALIKE = 0.3  # of the diversity, below which the samples are alike


def derive_overfitting(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Derive `D_overfitting`, (1), where held-out images are scored; nan where D has no lead.

    >>> terms = {"D(x)": 0.9, "validation_D(x)": 0.7, "D(G(z))": 0.1}
    >>> round(float(derive_overfitting(terms)["D_overfitting"]), 3)
    0.25
    """
    if "validation_D(x)" not in terms:
        return {}
    real, fake = np.asarray(terms["D(x)"]), np.asarray(terms["D(G(z))"])
    lead = np.where(real > fake, real - fake, np.nan)
    return {"D_overfitting": (real - terms["validation_D(x)"]) / lead}  # (1)


def measure_diversity(model: Model, params: Params, images: Array, key: PRNGKeyArray) -> Terms:
    """Measure `diversity`: see `WithDiscriminator.diagnose`."""
    count = images.shape[0]
    num = min(_WATCHED, count)
    if num < 2:
        return {}
    key_samples, key_images = jax.random.split(key)
    if count > num:  # some twice: a sort of all positions would take long to compile
        images = images[jax.random.bits(key_images, (num,)) % count]
    of_data = nearest_distance(check_images(images), skip_copies=True)
    of_samples = nearest_distance(model.sample(params, key_samples, num))
    return {"diversity": of_samples / jnp.maximum(of_data, 1e-6)}


def list_warnings(terms: Mapping[str, float]) -> list[TrainingWarning]:
    """List the signs that an epoch's terms show."""
    found = []
    by_heart, share = terms.get("D_overfitting"), terms.get("D_loss_share", 1.0)
    outputs = {name: f"{terms[name]:.3g}" for name in _OUTPUTS if name in terms}
    if by_heart is not None and by_heart > _BY_HEART and share < _AHEAD:
        advice = (
            "the discriminator learns the training images by heart: its mean output is"
            f" {outputs['D(x)']} for them, {outputs['validation_D(x)']} for held-out images and"
            f" {outputs['D(G(z))']} for samples. Random changes of what it sees (model.augment"
            " colour translation cutout), mirrored images (mirrored), or more images may help."
        )
        found.append(TrainingWarning("discriminator overfits", advice))
    elif share < _WON:
        known = "" if by_heart is None else ", by more than what it has learned by heart"
        advice = (
            f"the discriminator tells nearly all samples from real images{known}"
            f" (D(x) = {outputs['D(x)']}, D(G(z)) = {outputs['D(G(z))']}), and the generator may"
            " learn no more. R1 (model.r1 with model.discriminator_norm none), or a smaller"
            " learning rate of the discriminator (learning_rate_factors discriminator 0.5), may"
            " help."
        )
        found.append(TrainingWarning("discriminator wins", advice))
    if terms.get("diversity", 1.0) < _ALIKE:
        advice = (
            f"the samples are alike: their diversity is {terms['diversity']:.2g} of that of the"
            " data. The loss relativistic with model.r1 and model.r2, or spectral"
            " normalisation (model.discriminator_norm spectral), may help."
        )
        found.append(TrainingWarning("samples collapse", advice, is_collapse=True))
    return found


def nearest_distance(
    images: Float[Array, "n h w c"], skip_copies: bool = False
) -> Float[Array, ""]:
    """Return the mean distance of images to their nearest other one.

    With `skip_copies`, images that are equal up to rounding are no others of one another.
    """
    flat = flatten(images)
    squares = jnp.sum(flat**2, axis=1)
    sums = squares[:, None] + squares
    distances = jnp.maximum(0.0, sums - 2 * flat @ flat.T)
    same = jnp.eye(len(flat), dtype=bool)
    if skip_copies:
        same = same | (distances <= 1e-5 * sums)
    nearest = jnp.min(jnp.where(same, jnp.inf, distances), axis=1)
    found = jnp.isfinite(nearest)  # false where all images are copies of one
    total = jnp.sum(jnp.where(found, jnp.sqrt(jnp.where(found, nearest, 0.0)), 0.0))
    return total / jnp.maximum(1, jnp.sum(found))
