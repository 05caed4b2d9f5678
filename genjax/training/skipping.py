"""Skip the updates of gradients that are too large, and tell of it in the state."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


class SkippingState(NamedTuple):
    """The state of an optimizer that skips updates: 1 if the last one was skipped, and its own."""

    skipped: Float[Array, "*seeds"]
    own: Any


def skip_updates(
    optimizer: optax.GradientTransformation, most: float
) -> optax.GradientTransformation:
    """Return the optimizer without the updates whose gradient has a norm above `most`, or NaN.

    Such an update leaves weights, moments and schedule as they are (Child 2021, arXiv:2011.10650).
    """

    def init(weights: Any) -> SkippingState:
        return SkippingState(jnp.zeros(()), optimizer.init(weights))

    def update(
        gradients: Any, state: SkippingState, weights: Any = None
    ) -> tuple[Any, SkippingState]:
        keep = optax.tree.norm(gradients) <= most
        changes, own = optimizer.update(gradients, state.own, weights)
        changes = jax.tree.map(lambda leaf: jnp.where(keep, leaf, 0.0), changes)
        own = jax.tree.map(partial(jnp.where, keep), own, state.own)
        return changes, SkippingState(1.0 - keep, own)

    return optax.GradientTransformation(init, update)


def find_skipped(state: Any) -> Float[Array, "*seeds"] | None:
    """Return 1 where an optimizer with this state skipped its last update; None if it never skips.

    >>> import optax
    >>> float(find_skipped(skip_updates(optax.sgd(0.1), most=1.0).init({})))
    0.0
    """
    found = [one for one in jax.tree.leaves(state, is_leaf=_skips) if _skips(one)]
    return found[0].skipped if found else None


def _skips(state: Any) -> bool:
    return isinstance(state, SkippingState)
