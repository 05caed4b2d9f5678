"""Optimizers: the named ones, anybody's own, and learning rates that differ between networks."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Real

from genjax.errors import UserError, check_fields, to_tuples
from genjax.model.schedule import follow_cosine
from genjax.training.skipping import skip_updates

_RESERVED = ("adam", "adamw", "sgd")
_MUST = (
    "but must be an optax transformation, or a function of the number of updates that returns one,"
    " such as lambda steps: optax.lion(1e-4)."
)


def use_python_numbers(spec: Any) -> None:
    """Replace numpy's numbers and arrays in the fields of a frozen dataclass by Python's."""
    for name in spec.__dataclass_fields__:
        value = getattr(spec, name)
        if not isinstance(value, jax.core.Tracer):
            object.__setattr__(spec, name, to_tuples(value))


@dataclass(frozen=True)
class Optimizer:
    """A named optimizer of optax, and its learning-rate schedule.

    Attributes:
        name: the optax optimizer; "adamw" is "adam" with decoupled `weight_decay`.
        learning_rate: its largest value; for many seeds at once also one each.
        schedule: constant, or half a cosine that falls to zero at the end of the run.
        warmup_steps: steps over which the learning rate rises from zero; at most a fifth of the
            run, and a warning says where that cuts it.
        b1, b2: decay rates of the first and second moments.
        weight_decay: that of "adamw".
        clip_norm: largest norm of a player's gradient; 0 clips nothing.
        skip_norm: norm of a player's gradient above which its update is skipped, as one that is not
            finite is; the term `skipped` is the share of such updates. 0 skips none.
        b2_start: b2 at the beginning, from which "adam" and "adamw" go to b2 along half a cosine,
            as R3GAN does from 0.9 to 0.99; 0 for b2 throughout.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float | tuple[float, ...] = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = field(default=0, metadata={"least": 0})
    b1: float = 0.9
    b2: float = 0.999
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    skip_norm: float = 0.0
    b2_start: float = 0.0

    def __post_init__(self) -> None:
        use_python_numbers(self)

    def scale(self, factor: float) -> "Optimizer":
        """Return this optimizer with its learning rate multiplied by `factor`."""
        rate: Any = self.learning_rate
        return replace(self, learning_rate=factor * rate)

    def transform(self, steps: int) -> optax.GradientTransformation:
        """Return the optax transformation for a run of so many updates."""
        rate: Any = self.learning_rate
        if self.schedule == "cosine":
            rate = optax.cosine_decay_schedule(rate, max(1, steps))
        if self.warmup_steps:
            rate = _warm_up(rate, self.count_warmup_steps(steps))
        build: Any = {
            "adam": lambda b2: optax.adam(rate, self.b1, b2),
            "adamw": lambda b2: optax.adamw(rate, self.b1, b2, weight_decay=self.weight_decay),
            "sgd": lambda _: optax.sgd(rate, momentum=self.b1),
        }[self.name]
        moves = self.b2_start and self.name != "sgd"
        descend = _move_b2(build, self.b2_start, self.b2, steps) if moves else build(self.b2)
        if self.clip_norm:
            descend = optax.chain(optax.clip_by_global_norm(self.clip_norm), descend)
        return skip_updates(descend, self.skip_norm) if self.skip_norm else descend

    def count_warmup_steps(self, steps: int) -> int:
        """Return the number of steps of the warm-up in a run of so many steps."""
        return max(1, min(self.warmup_steps, steps // 5))

    def to_json(self) -> dict[str, Any]:
        """Return the fields; an optimizer of a class of one's own also records its class."""
        cls = type(self)
        own = {} if cls is Optimizer else {"class": f"{cls.__module__}.{cls.__qualname__}"}
        return asdict(self) | own

    def check(self) -> None:
        """Raise `UserError` on a value that cannot be used."""
        check_fields(self, "optimizer")
        rates = self.learning_rate
        for name, value, low, high in [
            *(
                ("learning_rate", rate, 0, math.inf)
                for rate in (rates if isinstance(rates, tuple) else (rates,))
            ),
            ("b1", self.b1, 0, 1),
            ("b2", self.b2, 0, 1),
            ("b2_start", self.b2_start, 0, 1),
            ("weight_decay", self.weight_decay, 0, math.inf),
            ("clip_norm", self.clip_norm, 0, math.inf),
            ("skip_norm", self.skip_norm, 0, math.inf),
        ]:
            if not low <= value < high:
                raise UserError(
                    f"optimizer.{name} is {value}, but must be at least {low}, below {high}."
                )


def _move_b2(
    build: Callable[[Any], optax.GradientTransformation], start: float, end: float, steps: int
) -> optax.GradientTransformation:
    """Return the optimizer that `build` makes of a b2, which goes from `start` to `end`.

    The first part of its state is Adam's, with the number of updates so far.
    """

    def update(gradients: Any, state: Any, weights: Any = None) -> tuple[Any, Any]:
        b2 = follow_cosine(start, end, jnp.minimum(1.0, state[0].count / max(1, steps)))
        return build(b2).update(gradients, state, weights)

    return optax.GradientTransformation(build(end).init, update)


def _warm_up(rate: Callable | float, warmup_steps: int) -> Callable:
    def warmed_up(step: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.minimum(1.0, (step + 1) / warmup_steps) * (
            rate(step) if callable(rate) else rate
        )

    return warmed_up


@dataclass(frozen=True, init=False)
class CustomOptimizer(Optimizer):
    """An optimizer of one's own, under a name: any transformation of optax.

    The name stands for it in `config.json`, and is compared when a run goes on: whoever changes
    what the optimizer does gives it another name.

    Args:
        name: any text but the names of `Optimizer`.
        make: an optax transformation; or a function that returns one, of the number of updates in
            the whole run, for schedules.

    >>> CustomOptimizer("lion-cosine", lambda steps: optax.lion(
    ...     optax.cosine_decay_schedule(1e-4, steps))).to_json()
    {'name': 'lion-cosine', 'custom': True}
    """

    make: Any = None

    def __init__(
        self,
        name: str,
        make: optax.GradientTransformation | Callable[[int], optax.GradientTransformation],
    ):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "make", make)

    def scale(self, factor: float) -> "CustomOptimizer":
        """Return this optimizer with its updates multiplied by `factor`."""
        if factor == 1.0:
            return self
        return CustomOptimizer(
            self.name, lambda steps: optax.chain(self.transform(steps), optax.scale(factor))
        )

    def transform(self, steps: int) -> optax.GradientTransformation:
        """Return the optax transformation for a run of so many updates."""
        is_ready = isinstance(self.make, optax.GradientTransformation)
        made = self.make if is_ready else self.make(steps)
        if not isinstance(made, optax.GradientTransformation):
            raise UserError(f"the optimizer {self.name!r} makes {made!r}, {_MUST}")
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the name alone: a function cannot be written to a file."""
        return {"name": self.name, "custom": True}

    def check(self) -> None:
        """Raise `UserError` on a name or a transformation that cannot be used."""
        if not isinstance(self.name, str) or not self.name or self.name in _RESERVED:
            raise UserError(
                f"the optimizer's name is {self.name!r}, but must be a text, and none of"
                f" {', '.join(_RESERVED)}."
            )
        if not isinstance(self.make, optax.GradientTransformation) and not callable(self.make):
            raise UserError(f"the optimizer {self.name!r} is {self.make!r}, {_MUST}")
        self.transform(1)


def scale_networks(
    optimizer: optax.GradientTransformation, factors: Mapping[str, float]
) -> optax.GradientTransformation:
    """Return the optimizer with the updates of some networks multiplied; 0 leaves one as it is.

    The gradient of a frozen network counts as zero, also where gradients are clipped.
    """

    def zero(tree: Any) -> Any:
        return {
            name: jax.tree.map(jnp.zeros_like, part) if factors.get(name) == 0 else part
            for name, part in tree.items()
        }

    def scale(part: Any, factor: float) -> Any:
        return jax.tree.map(lambda leaf: factor * leaf, part)

    def update(gradients: Any, state: Any, weights: Any = None) -> tuple[Any, Any]:
        changes, state = optimizer.update(zero(gradients), state, weights)
        scaled = {name: scale(part, factors.get(name, 1.0)) for name, part in changes.items()}
        return zero(scaled), state

    return optax.GradientTransformation(optimizer.init, update)


def with_learning_rate(optimizer: Any, rate: Real[Array, ""] | float) -> Any:
    """Return the optimizer of one of many seeds: with its `rate`, if they have one each."""
    if isinstance(optimizer.learning_rate, tuple):
        return replace(optimizer, learning_rate=rate)
    return optimizer
