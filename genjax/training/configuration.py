"""How to train: the budget, and the way of descending."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from genjax.errors import UserError, check_fields, to_tuples


@dataclass(frozen=True)
class Optimizer:
    """How a player descends.

    Attributes:
        name: of the optax optimizer; "adamw" is "adam" with decoupled `weight_decay`.
        learning_rate: its largest value; of many runs at once also one for each.
        schedule: constant, or falling as half a cosine to zero at the run's end.
        warmup_steps: over which the learning rate rises from zero; at most a fifth of the run.
        b1, b2: decay of the first and second moments.
        weight_decay: of "adamw".
        clip_norm: largest norm of a player's gradient; 0 leaves it alone.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float | tuple[float, ...] = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = field(default=0, metadata={"least": 0})
    b1: float = 0.9
    b2: float = 0.999
    weight_decay: float = 1e-4
    clip_norm: float = 0.0

    def transform(self, steps: int) -> optax.GradientTransformation:
        """The optax transformation for a run of so many steps."""
        rate: Any = self.learning_rate
        if self.schedule == "cosine":
            rate = optax.cosine_decay_schedule(rate, max(1, steps))
        if self.warmup_steps:
            rate = _warmed_up(rate, max(1, min(self.warmup_steps, steps // 5)))
        descend = {
            "adam": lambda: optax.adam(rate, self.b1, self.b2),
            "adamw": lambda: optax.adamw(rate, self.b1, self.b2, weight_decay=self.weight_decay),
            "sgd": lambda: optax.sgd(rate, momentum=self.b1),
        }[self.name]()
        return (
            optax.chain(optax.clip_by_global_norm(self.clip_norm), descend)
            if self.clip_norm
            else descend
        )


def _warmed_up(rate: Callable | float, warmup_steps: int) -> Callable:
    def warmed_up(step: jax.Array) -> jax.Array:
        return jnp.minimum(1.0, (step + 1) / warmup_steps) * (
            rate(step) if callable(rate) else rate
        )

    return warmed_up


@dataclass(frozen=True)
class Training:
    """The budget and the way of descending.

    Attributes:
        epochs: passes over the data.
        batch_size: images a step; what is left over after the last whole batch waits for the next
            epoch's new order. Data sets smaller than this are one batch.
        optimizer: of every player.
        learning_rate_factors: of players whose learning rate is another one, such as
            ("discriminator", 4.0) for four times the optimizer's.
        ema_decay: keep a moving average of the weights with this decay, and sample and measure
            with it; 0 keeps none.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    learning_rate_factors: tuple[tuple[str, float], ...] = ()
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        factors = to_tuples(self.learning_rate_factors)
        object.__setattr__(self, "learning_rate_factors", factors)

    def optimizer_of(self, player: str, steps: int) -> optax.GradientTransformation:
        """The optax transformation for the player's `steps` updates."""
        factor = dict(self.learning_rate_factors).get(player, 1.0)
        rate: Any = self.optimizer.learning_rate
        return replace(self.optimizer, learning_rate=factor * rate).transform(steps)

    def of_run(self, learning_rate: Any) -> "Training":
        """That of one of many runs: with `learning_rate`, where each has one of its own."""
        if not isinstance(self.optimizer.learning_rate, tuple):
            return self
        return replace(self, optimizer=replace(self.optimizer, learning_rate=learning_rate))

    def check(self, players: Collection[str]) -> None:
        """Raises `UserError` on a value that a model of these players cannot be trained with."""
        optimizer, rates = self.optimizer, self.optimizer.learning_rate
        check_fields(self, "training")
        check_fields(optimizer, "optimizer")
        for name, value, low, high in [
            ("ema_decay", self.ema_decay, 0, 1),
            *(
                ("optimizer.learning_rate", rate, 0, math.inf)
                for rate in (rates if isinstance(rates, tuple) else (rates,))
            ),
            ("optimizer.b1", optimizer.b1, 0, 1),
            ("optimizer.b2", optimizer.b2, 0, 1),
            ("optimizer.weight_decay", optimizer.weight_decay, 0, math.inf),
            ("optimizer.clip_norm", optimizer.clip_norm, 0, math.inf),
        ]:
            if not low <= value < high:
                raise UserError(f"{name} is {value}, but must be at least {low}, below {high}.")
        for pair in self.learning_rate_factors:
            if not (isinstance(pair, tuple) and len(pair) == 2 and _is_factor(*pair, players)):
                raise UserError(
                    f"learning_rate_factors holds {pair!r}, but must give players of the model"
                    f" ({', '.join(players)}) a number of at least 0 each, as in"
                    f" (({next(iter(players))!r}, 2.0),)."
                )


def _is_factor(player: object, factor: object, players: Collection[str]) -> bool:
    return player in players and isinstance(factor, int | float) and 0 <= factor < math.inf
