"""`TrainState`: what training carries from one epoch to the next, and what a checkpoint holds."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32, Key, PRNGKeyArray

from genjax.model import Model, Params, Weights
from genjax.model.compiling import jit_once
from genjax.runs import weights
from genjax.runs.keys import Purpose, derive_key
from genjax.training.configuration import Training


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "opt_state", "ema", "key", "epoch"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """All that training carries from one epoch to the next, and all that a checkpoint holds.

    For many seeds every array has a first axis [S].

    Attributes:
        params: the parameters.
        opt_state: the state of every player's optimizer, by the player's name.
        ema: moving average of the weights of `Model.ema_networks`; `{}` where none is kept.
        key: the run's key. It is never consumed (`genjax.runs.keys`).
        epoch: number of epochs done.
    """

    params: Params
    opt_state: dict[str, Any]
    ema: Weights
    key: Key[Array, "*seeds"]
    epoch: Int32[Array, "*seeds"]

    def replace(self, **changes: Any) -> "TrainState":
        """Return this state with some fields replaced."""
        return dataclasses.replace(self, **changes)

    @property
    def epochs_done(self) -> int:
        """The number of epochs done; many seeds go at the same pace."""
        return int(self.epoch.max())

    @property
    def is_dense(self) -> bool:
        """Whether no network has a convolution, whose kernel is [k,k,C,O]."""
        leaves = jax.tree.leaves(self.params.weights)
        return all(leaf.ndim - self.key.ndim < 4 for leaf in leaves)

    def derive_key(self, purpose: Purpose) -> Key[Array, "*seeds"]:
        """Return a key for a purpose, the same in every epoch; for many seeds one each."""
        if self.key.ndim:
            return jax.vmap(lambda key: derive_key(key, purpose))(self.key)
        return derive_key(self.key, purpose)

    def average_params(self) -> Params:
        """Return the parameters to sample and measure with (`genjax.runs.weights`)."""
        return weights.average_params(self.params, self.ema, self.key)


def init_state(
    model: Model, key: PRNGKeyArray, training: Training, start: Params | None = None
) -> TrainState:
    """Return the state before the first epoch, with weights drawn by `key` or those of `start`."""
    params = model.init(jax.random.fold_in(key, 0))
    if start is not None:
        params = params.replace(weights=start.weights, stats=start.stats)
    opt_state = _init_optimizers(model, training, params.weights)
    averages = model.ema_networks if training.ema_decay else ()
    ema = {name: jax.tree.map(jnp.copy, params.weights[name]) for name in averages}
    return TrainState(params, opt_state, ema, jax.random.fold_in(key, 1), jnp.int32(0))


@partial(jit_once, static_argnums=(0, 1))
def _init_optimizers(model: Model, training: Training, weights: Weights) -> dict[str, Any]:
    """Return the first state of every player's optimizer, by the player's name."""
    return {  # the number of steps, for the schedule, is no part of it
        player: training.build_optimizer(model, player, 1).init(
            select_weights(model, weights, player)
        )
        for player in model.players
    }


def select_weights(model: Model, weights: Weights, player: str) -> Weights:
    """Return the weights of a player's networks."""
    return {name: weights[name] for name in model.players[player]}
