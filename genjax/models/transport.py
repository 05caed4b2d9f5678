"""Transport of noise to data along an ODE: what flow matching of images and of codes share.

(1) x_t   = (1 - t) x_0 + t x_1,  x_0 ~ N(0, I)       from noise at t = 0 to data at t = 1
(2) u     = dx_t/dt = x_1 - x_0                       its velocity, the target
(3) loss  = E |v(x_t, t) - u|^2                       Lipman et al. 2023, arXiv:2210.02747, equation
                                                      23 with sigma_min = 0; Liu et al. 2023,
                                                      arXiv:2209.03003, equation 1
(4) t ~ U(0, 1), or t = s(e), e ~ N(0, 1), s the sigmoid: logit-normal
                                                      Esser et al. 2024, arXiv:2403.03206, 3.1
(5) dx/dt = v(x, t)                                   maps N(0, I) at t = 0 to the data at t = 1

(5) is integrated in steps from one time t to the next, t + h; with h < 0 back to the noise:

(6) x_{t+h} = x_t + h v(x_t, t)                       Euler's method
(7) x_{t+h} = x_t + h/2 (v(x_t, t) + v(x', t + h))    Heun's method, x' the step (6)

The density of the data follows along the same path:

(8) log p(x_1) = log N(x_0; 0, I) - int_0^1 tr(dv/dx) dt      Chen et al. 2018, arXiv:1806.07366,
                                                              equation 8
(9) tr J       = E[e^T J e],  e_i = +1 or -1 with probability 1/2 each: Hutchinson's estimate, with
                 the same e along the whole path (Grathwohl et al. 2019, arXiv:1810.01367, section
                 3.1.1)

(9) has no bias, and its error is told by several draws of e. The steps have an error of their own,
which falls with their number.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions import Normal, sum_event

Velocity = Callable[[jax.Array, jax.Array], jax.Array]  # v: x [N, ...] and t [N] -> [N, ...]
TimeDistribution = Literal["uniform", "logit_normal"]
Solver = Literal["euler", "heun"]


def embed_times(
    t: Float[Array, " n"], features: int, fastest: float = 100.0
) -> Float[Array, "n e"]:
    """Compute cosines and sines of times at geometric frequencies (Vaswani et al. 2017).

    The angular frequencies are from 1 to `fastest`.

    They are computed in float32, since high frequencies need its digits, and are inputs of a
    network, which may compute in bfloat16.

    >>> embed_times(jnp.zeros(1), 4)
    Array([[1., 1., 0., 0.]], dtype=float32)
    """
    angles = t[:, None] * jnp.geomspace(1.0, fastest, features // 2, dtype=jnp.float32)
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=1)


def draw_times(
    key: PRNGKeyArray, num: int, distribution: TimeDistribution = "uniform"
) -> Float[Array, " num"]:
    """Draw the times to train on, (4).

    >>> draw_times(jax.random.key(0), 3, "logit_normal").shape
    (3,)
    """
    if distribution == "logit_normal":
        return jax.nn.sigmoid(jax.random.normal(key, (num,), jnp.float32))
    return jax.random.uniform(key, (num,), jnp.float32)


def match_flow(
    velocity: Velocity,
    x_1: Float[Array, "n ..."],
    key: PRNGKeyArray,
    distribution: TimeDistribution = "uniform",
) -> Float[Array, " n"]:
    """Compute the loss (3) of each x_1, as a mean over its elements, at one draw of noise and time.

    >>> match_flow(lambda x, t: x / t[:, None], jnp.zeros((2, 3)), jax.random.key(0)).shape
    (2,)
    """
    key_t, key_noise = jax.random.split(key)
    t = draw_times(key_t, len(x_1), distribution)
    x_0 = jax.random.normal(key_noise, x_1.shape, jnp.float32)
    share = t.reshape(-1, *[1] * (x_1.ndim - 1))
    x_t = (1 - share) * x_0 + share * x_1  # (1)
    target = x_1 - x_0  # (2)
    return sum_event((velocity(x_t, t) - target) ** 2) * len(x_1) / x_1.size  # (3)


def integrate(
    velocity: Callable[[Any, jax.Array], Any],
    x: Any,
    times: Float[Array, " steps+1"],
    solver: Solver = "heun",
) -> Any:
    """Integrate (5) from the first of `times` to the last, as one compiled loop.

    Reverse-mode gradients keep x of every step alone, and compute the rest again.

    Args:
        velocity: dx/dt at a pytree x and a time t [].
        x: where to begin.
        times: those between the steps. A step takes one evaluation of the velocity by Euler's
            method, two by Heun's.
        solver: euler (6) or heun (7).

    >>> integrate(lambda x, t: 2 * t * jnp.ones(1), jnp.zeros(1), jnp.linspace(0.0, 1.0, 5))
    Array([1.], dtype=float32)
    """

    @partial(jax.checkpoint, prevent_cse=False)
    def step(x: Any, span: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
        t, later = span
        h, v = later - t, velocity(x, t)
        ahead = _move(x, h, v)  # (6)
        if solver == "euler":
            return ahead, None
        return _move(_move(x, h / 2, v), h / 2, velocity(ahead, later)), None  # (7)

    return jax.lax.scan(step, x, (times[:-1], times[1:]))[0]


def _move(x: Any, h: jax.Array, v: Any) -> Any:
    return jax.tree.map(lambda x, v: x + h * v, x, v)


def space_times(num_steps: int) -> Float[Array, " steps+1"]:
    """Return the times of `num_steps` steps from 0 to 1 of one length.

    >>> space_times(2)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jnp.linspace(0.0, 1.0, num_steps + 1, dtype=jnp.float32)


def space_times_to_data(num_steps: int, finest: float) -> Float[Array, " steps+1"]:
    """Return times whose steps become shorter towards 1, as fast as what is left of the noise.

    1 - t + `finest` falls geometrically: near the data the velocity changes as 1 / (1 - t), down to
    the size of what is finest in the data.

    >>> space_times_to_data(2, 0.125)
    Array([0.  , 0.75, 1.  ], dtype=float32)
    """
    left = jnp.geomspace(1 + finest, finest, num_steps + 1, dtype=jnp.float32)
    return (1 + finest - left).at[-1].set(1.0)


def estimate_log_density(
    velocity: Velocity,
    x_1: Float[Array, "n ..."],
    key: PRNGKeyArray,
    times: Float[Array, " steps+1"],
    num_probes: int = 2,
) -> Float[Array, "probes n"]:
    """Estimate log p(x_1), (8), in nats, once for each of `num_probes` draws of the e of (9).

    Their mean is the estimate. `times` are those between Heun's steps, from 0 to 1.

    >>> times, key = space_times(1), jax.random.key(0)
    >>> estimate_log_density(lambda x, t: 0 * x, jnp.zeros((1, 2)), key, times)
    Array([[-1.837877],
           [-1.837877]], dtype=float32)
    """
    e = jax.random.rademacher(key, (num_probes, *x_1.shape), jnp.float32)

    def change(state: tuple[jax.Array, jax.Array], t: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, _ = state
        times = jnp.full(len(x), t)
        v, pull_back = jax.vjp(lambda x: velocity(x, times), x)
        return v, jax.vmap(lambda e: sum_event(e * pull_back(e)[0]))(e)  # (9)

    began = x_1, jnp.zeros((num_probes, len(x_1)), jnp.float32)
    x_0, minus_integral = integrate(change, began, times[::-1])
    standard = Normal(jnp.zeros_like(x_0), jnp.ones_like(x_0))
    return standard.log_prob(x_0) + minus_integral  # (8)
