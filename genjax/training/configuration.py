"""`Training`: the budget of a run, and its optimizer."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Real

from genjax.errors import UserError, check_fields
from genjax.model import Model
from genjax.model.schedule import follow_cosine
from genjax.training.optimizers import (
    Optimizer,
    scale_networks,
    use_python_numbers,
    with_learning_rate,
)


@dataclass(frozen=True)
class Training:
    """The budget of a run, and its optimizer.

    Attributes:
        epochs: passes over the data.
        batch_size: number of images in a batch. The last incomplete batch of an epoch is dropped; a
            data set smaller than this is one batch.
        optimizer: that of every player.
        learning_rate_factors: multipliers of the learning rate of some players or networks, such
            as ("discriminator", 4.0). With 0, weights and statistics stay exactly as they are.
        ema_decay: decay of a moving average of the weights, which is sampled and measured with; 0
            keeps none.
        ema_schedule: the half-life of that average is constant, or rises along half a cosine from 0
            to that of ema_decay at the end of the run.
        mirrored: mirror half of the images, drawn anew in every step. Not for digits and letters.
        epoch_steps: steps of an epoch, for data sets so small that a pass over them is only a few;
            0 for one pass over the data.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    learning_rate_factors: tuple[tuple[str, float], ...] = ()
    ema_decay: float = 0.0
    ema_schedule: Literal["constant", "cosine"] = "constant"
    mirrored: bool = False
    epoch_steps: int = field(default=0, metadata={"least": 0})

    def __post_init__(self) -> None:
        use_python_numbers(self)

    def build_optimizer(
        self, model: Model, player: str, updates: int
    ) -> optax.GradientTransformation:
        """Return the optax transformation for so many updates of the player."""
        factors = dict(self.learning_rate_factors)
        factor = factors.get(player, 1.0)
        built = self.optimizer.scale(factor or 1.0).transform(updates)
        networks = {name: factors.get(name, 1.0) for name in model.players[player]}
        if player in networks:
            networks[player] = 1.0  # the factor is the player's
        if not factor:
            networks = dict.fromkeys(networks, 0.0)
        return built if set(networks.values()) <= {1.0} else scale_networks(built, networks)

    def compute_ema_decay(self, step: Int[Array, ""] | int, steps: int) -> Float[Array, ""]:
        """Return the decay d of the moving average at a step of a run of so many steps.

        With the half-life h of `ema_decay`, d = 2^(-1/h), a half-life a h has the decay d^(1/a). In
        the first steps d is at most (1 + step) / (10 + step).
        """
        decay: Any = self.ema_decay
        if self.ema_schedule == "cosine":
            share = jnp.maximum(follow_cosine(0.0, 1.0, step / steps), 1e-6)
            decay = decay ** (1 / share)
        return jnp.minimum(decay, (1 + step) / (10 + step))

    def count_steps(self, num_images: int, batches: int) -> int:
        """Return the steps of an epoch of so many images, where a step takes so many batches.

        >>> [Training(batch_size=32, epoch_steps=n).count_steps(100, 1) for n in (0, 50)]
        [3, 50]
        """
        return self.epoch_steps or max(1, num_images // (batches * self.batch_size))

    def find_frozen(self, model: Model) -> set[str]:
        """Return the networks whose learning rate is 0."""
        frozen = {name for name, factor in self.learning_rate_factors if factor == 0}
        of_players = {name for p in frozen & model.players.keys() for name in model.players[p]}
        return (frozen - model.players.keys()) | of_players

    def with_rate(self, learning_rate: Real[Array, ""] | float) -> "Training":
        """Return this training for one of many seeds: with its rate, if they have one each."""
        return replace(self, optimizer=with_learning_rate(self.optimizer, learning_rate))

    def stack_rates(self, shape: tuple[int, ...]) -> Real[Array, " seeds"]:
        """Return the learning rate of every seed; `shape` is (S,)."""
        return jnp.broadcast_to(jnp.asarray(self.optimizer.learning_rate), shape)

    def to_json(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"optimizer": self.optimizer.to_json()}

    def check(self, players: Mapping[str, tuple[str, ...]]) -> None:
        """Raise `UserError` on a value that a model of these players cannot be trained with."""
        check_fields(self, "training")
        if not 0 <= self.ema_decay < 1:
            raise UserError(f"ema_decay is {self.ema_decay}, but must be at least 0, below 1.")
        if not isinstance(self.optimizer, Optimizer):
            raise UserError(
                f"the optimizer is {self.optimizer!r}, but must be a genjax.Optimizer, or an optax"
                " transformation with a name: genjax.CustomOptimizer('lion', optax.lion(1e-4))."
            )
        self.optimizer.check()
        networks = [name for own in players.values() for name in own]
        names = list(dict.fromkeys([*players, *networks]))
        for pair in self.learning_rate_factors:
            if not (isinstance(pair, tuple) and len(pair) == 2 and _is_factor(*pair, names)):
                raise UserError(
                    f"learning_rate_factors holds {pair!r}, but must give players or networks of"
                    f" the model ({', '.join(names)}) a number of at least 0 each, as in"
                    f" (({names[0]!r}, 2.0),)."
                )

    def warn_of_short_run(self, updates: int) -> None:
        """Warn where a run of so many updates is too short for its warm-up."""
        taken = self.optimizer.count_warmup_steps(updates)
        if taken < self.optimizer.warmup_steps:
            warnings.warn(
                f"warmup_steps is {self.optimizer.warmup_steps}, but the run has only {updates}"
                f" updates: the learning rate rises over {taken} of them, a fifth.",
                stacklevel=3,
            )


def _is_factor(name: object, factor: object, names: list[str]) -> bool:
    return name in names and isinstance(factor, int | float) and 0 <= factor < math.inf
