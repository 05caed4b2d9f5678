"""`TrainState`: what training carries from one epoch to the next, and what a checkpoint holds."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import jax

from genjax.model import Params, Weights

Purpose = Literal["settle", "diagnose", "distance"]  # of keys that no epoch uses


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "opt_state", "ema", "key", "epoch"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """All that training carries from one epoch to the next, and all that a checkpoint holds.

    Of many runs at once (`genjax.training.seeds`) every array has a first axis [S], and the methods are to
    be mapped over it.

    `opt_state` maps a player to its optimizer's state. `ema` is the moving average of the weights
    of the model's `averaged` networks, or `{}` where none is kept. `key` is the run's key, never
    consumed: every epoch folds its number `epoch` (int32, epochs done) into it.
    """

    params: Params
    opt_state: dict[str, Any]
    ema: Weights
    key: jax.Array
    epoch: jax.Array

    def replace(self, **changes: Any) -> "TrainState":
        return dataclasses.replace(self, **changes)

    @property
    def epochs_done(self) -> int:
        """Of one run or of many, which go at the same pace."""
        return int(self.epoch.max())

    def key_of(self, purpose: Purpose) -> jax.Array:
        """A key that is the same in every epoch, and none of theirs."""
        return jax.random.fold_in(self.key, 2**32 - 1 - get_args(Purpose).index(purpose))

    def average_params(self) -> Params:
        """The parameters to sample and measure with: the moving average where one is kept.

        `Model.settled` may have work to do, of a few thousand passes of a generator.
        """
        params = self.params.replace(weights=self.params.weights | self.ema)
        return params.model.recompute_stats(params, self.key_of("settle"))
