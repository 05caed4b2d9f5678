"""Flow matching as a density of latents: the ODE of `genjax.models.transport`, of codes.

(1) z_1 ~ q(z) = 1/N sum_n q(z|x_n),  drawn anew for every update
(2) x_1 = (z_1 - m) / s                   m and s the mean and standard deviation of every latent
                                          under q(z)
(3) v(x, t) = v_p(x, t) + f(x, t)         v_p the velocity of a mixture p that is fitted to x_1, (3)
                                          of `genjax.latents.mixture`; f dense layers, at first 0
(4) z   = m + s x_1,  where the ODE carries T x_0 to x_1,  x_0 ~ N(0, I)
          T is the temperature: below 1, latents begin nearer to the middle of the noise

This is the latent diffusion of Rombach et al. 2022, arXiv:2112.10752, with the loss of flow
matching. Codes are nearly normal: the network learns what the mixture leaves, instead of learning
to be linear first (docs/notes/flows.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions import Normal
from genjax.errors import UserError
from genjax.latents.mixture import GaussianMixture, fit_mixture
from genjax.model.random_keys import as_key
from genjax.models.transport import embed_times, integrate, match_flow, space_times
from genjax.nn.unet import ConditionalMLP
from genjax.training.optimizers import Optimizer

UPDATES = 4_000
_HIDDEN = (512, 512, 512)
_TIME_FEATURES, _FASTEST = 32, 10.0
_BATCH = 256
_OPTIMIZER = Optimizer(learning_rate=1e-3, schedule="cosine")
_DECAY = 0.999  # of the moving average of the weights
_STEPS = 16  # of Heun


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "loc", "scale", "mixture"],
    meta_fields=["hidden", "num_steps"],
)
@dataclass(frozen=True)
class LatentFlow:
    """A density of latents that an ODE makes of noise.

    Attributes:
        weights: of the network f.
        loc: m of (2).
        scale: s of (2).
        mixture: p of (3).
        hidden: widths of the network's layers.
        num_steps: steps of Heun's method from noise to latents.
    """

    weights: Any
    loc: Float[Array, " d"]
    scale: Float[Array, " d"]
    mixture: GaussianMixture
    hidden: tuple[int, ...] = _HIDDEN
    num_steps: int = _STEPS

    def sample(
        self, key: PRNGKeyArray | int, num: int, temperature: float | Float[Array, ""] = 1.0
    ) -> Float[Array, "num d"]:
        """Draw latents, (4). A whole number n stands for jax.random.key(n)."""
        x_0 = temperature * jax.random.normal(as_key(key), (num, len(self.loc)), jnp.float32)
        velocity = _make_velocity(self.mixture, self.hidden)
        x_1 = integrate(
            lambda x, t: velocity(self.weights, x, jnp.full(num, t)),
            x_0,
            space_times(self.num_steps),
        )
        return self.loc + self.scale * x_1  # (4)

    def describe(self) -> str:
        """Return what it is, for pages."""
        return "a flow"


def _make_velocity(
    mixture: GaussianMixture, hidden: tuple[int, ...]
) -> Callable[[Any, jax.Array, jax.Array], jax.Array]:
    """Return v of (3), a function of the weights of f, x [N, D] and t [N]."""
    of_mixture, network = mixture.make_velocity(), ConditionalMLP(hidden)

    def velocity(weights: Any, x: jax.Array, t: jax.Array) -> jax.Array:
        more: Any = network.apply({"params": weights}, x, embed_times(t, _TIME_FEATURES, _FASTEST))
        return of_mixture(x, t) + more  # (3)

    return velocity


def fit_flow(
    q: Normal,
    key: PRNGKeyArray,
    num_components: int,
    updates: int = UPDATES,
    hidden: tuple[int, ...] = _HIDDEN,
) -> LatentFlow:
    """Fit a mixture, and then a flow, to the mixture (1) of the normals q, by updates of Adam.

    Raises:
        UserError: where it diverges.
    """
    key_z, key_mixture, key_network = jax.random.split(key, 3)
    loc = jnp.mean(q.loc, axis=0)
    scale = jnp.sqrt(jnp.mean((q.loc - loc) ** 2 + q.scale**2, axis=0))
    scale = jnp.where(scale > 0, scale, 1.0)
    z = np.asarray((q.sample(key_z) - loc) / scale, np.float64)
    mixture = fit_mixture(z, key_mixture, num_components)
    weights, loss = _train(q, loc, scale, mixture, key_network, updates=updates, hidden=hidden)
    if not jnp.isfinite(loss):
        raise UserError("the flow that is fitted to the codes has diverged: fit a mixture.")
    return LatentFlow(weights, loc, scale, mixture, hidden)


@partial(jax.jit, static_argnames=("updates", "hidden"))
def _train(
    q: Normal,
    loc: jax.Array,
    scale: jax.Array,
    mixture: GaussianMixture,
    key: jax.Array,
    *,
    updates: int,
    hidden: tuple[int, ...],
) -> tuple[Any, jax.Array]:
    """Return the moving average of the weights, and the loss of the last update."""
    key_weights, key_updates = jax.random.split(key)
    num, dim = q.loc.shape
    start = jnp.zeros((1, dim)), jnp.zeros((1, _TIME_FEATURES))
    weights = ConditionalMLP(hidden).init(key_weights, *start)["params"]
    optimizer, velocity = _OPTIMIZER.transform(updates), _make_velocity(mixture, hidden)

    def compute_loss(weights: Any, key: jax.Array) -> jax.Array:
        key_rows, key_z, key_flow = jax.random.split(key, 3)
        rows = jax.random.randint(key_rows, (_BATCH,), 0, num, jnp.int32)
        z = Normal(q.loc[rows], q.scale[rows]).sample(key_z)  # (1)
        x_1 = (z - loc) / scale  # (2)
        losses = match_flow(partial(velocity, weights), x_1, key_flow, "logit_normal")
        return jnp.mean(losses)

    def update(state: Any, number: jax.Array) -> tuple[Any, jax.Array]:
        weights, average, moments = state
        key = jax.random.fold_in(key_updates, number)
        loss, gradient = jax.value_and_grad(compute_loss)(weights, key)
        change, moments = optimizer.update(gradient, moments, weights)
        weights = optax.apply_updates(weights, change)
        decay = jnp.minimum(_DECAY, (1 + number) / (10 + number))
        average = optax.incremental_update(weights, average, 1 - decay)
        return (weights, average, moments), loss

    state = weights, weights, optimizer.init(weights)
    (_, average, _), losses = jax.lax.scan(update, state, jnp.arange(updates))
    return average, losses[-1]
