"""Densities of latents to draw samples from, fitted to the codes of images.

(1) q(z) = 1/N sum_n q(z|x_n)    the aggregate posterior: the latents that the decoder learned to
                                 decode (Ghosh et al. 2020, arXiv:1903.12436, section 4)

A density is fitted to (1) after training: a mixture of Gaussians (`genjax.latents.mixture`) or a
flow (`genjax.latents.latent_flow`).
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import Normal
from genjax.errors import UserError, check_integer
from genjax.latents.inputs import check_encoder_labels, check_input, map_rows
from genjax.latents.latent_flow import UPDATES, fit_flow
from genjax.latents.mixture import fit_mixture
from genjax.model import CanEncode, HasPosterior, Params, require
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key

KINDS = ("mixture", "flow")
_MOST_NUMBERS = 2**28  # in the covariances of a mixture: 2 GiB in float64


@runtime_checkable
class LatentDensity(Protocol):
    """A density that `genjax.sample` draws latents from: a pytree with these methods."""

    def sample(
        self, key: PRNGKeyArray | int, num: int, temperature: float | Float[Array, ""] = 1.0
    ) -> Float[Array, "num d"]:
        """Draw `num` latents; below a temperature of 1 they are more typical and vary less.

        A whole number n as key stands for jax.random.key(n).
        """
        ...

    def describe(self) -> str:
        """Return what it is in a few words, such as "a mixture of 20 Gaussians"."""
        ...


@jit
def compute_posterior(
    params: Params,
    images: Float[Array, "n h w c"],
    key: PRNGKeyArray,
    labels: Int[Array, " n"] | None = None,
) -> Normal:
    """Compute q(z|x) of images; of a plain autoencoder its codes, with scale 0.

    The key binarises the images where the model's likelihood is of binary images.
    """
    model = params.model
    if not isinstance(model, HasPosterior):
        z = map_rows(require(model, CanEncode).encode, params, images, labels)
        return Normal(z, jnp.zeros_like(z))
    return map_rows(model.posterior, params, model.observe(images, key), labels)


def fit_density(
    params: Params,
    images: ArrayLike,
    key: PRNGKeyArray | int,
    num_components: int = 20,
    labels: ArrayLike | None = None,
    kind: str = "mixture",
    updates: int = UPDATES,
) -> LatentDensity:
    """Fit a density to the codes of images, the draws of q(z|x), for `genjax.sample`.

    A mixture is fitted by scikit-learn's EM to one draw for each image: 20 components and 10,000
    images of 32 latents take about ten seconds. A flow begins as such a mixture, and
    learns what the mixture leaves by flow matching, with new draws in every update: about a minute
    on 2 CPU cores.

    Args:
        params: of a model that encodes.
        images: [N, H, W, C], at least 2.
        key: draws from q(z|x) and initialises EM or the network. A whole number n stands for
            jax.random.key(n).
        num_components: K of the mixture, or of the one that a flow begins as; at most N.
        labels: of the images, int [N], for a model whose encoder takes them.
        kind: mixture or flow.
        updates: gradient updates of a flow.

    Raises:
        UserError: where there are too few images, or latents are not finite.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> images = jax.random.uniform(jax.random.key(1), (9, 8, 8, 1))
    >>> density = fit_density(params, images, jax.random.key(2), num_components=3)
    >>> genjax.sample(params, jax.random.key(3), 4, density=density).shape
    (4, 8, 8, 1)
    """
    if kind not in KINDS:
        raise UserError(f"kind is {kind!r}, but must be one of {', '.join(map(repr, KINDS))}.")
    images = check_input(params, images)
    if len(images) < 2:
        raise UserError(f"a density is fitted to at least 2 images, not to {len(images)}.")
    num_components = check_integer(num_components, "num_components", most=len(images))
    updates = check_integer(updates, "updates")
    key_x, key_z, key_fit = jax.random.split(as_key(key), 3)
    classes = check_encoder_labels(params.model, labels, len(images))
    q = compute_posterior(params, images, key_x, classes)
    z = np.asarray(q.sample(key_z), np.float64)
    if not np.isfinite(z).all():
        raise UserError("the model's latents of these images are not finite: it has diverged.")
    _check_mixture_size(num_components, z.shape[1])
    return (
        fit_mixture(z, key_fit, num_components)
        if kind == "mixture"
        else fit_flow(q, key_fit, num_components, updates)
    )


def _check_mixture_size(num_components: int, latent_dim: int) -> None:
    """Raise `UserError` where the covariances of a mixture would fill gigabytes."""
    if num_components * latent_dim**2 > _MOST_NUMBERS:
        raise UserError(
            f"the covariances of {num_components} Gaussians of {latent_dim:,} latents have"
            f" {num_components * latent_dim**2:,} numbers, and a mixture has at most"
            f" {_MOST_NUMBERS:,}: give fewer num_components, or draw from the model's prior."
        )
