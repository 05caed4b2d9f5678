"""Many seeds at once: training states, parameters and terms whose arrays have a first axis [S].

A batch of keys gives a batch of runs of one program, each as it would be alone. On a GPU or TPU it
is a `vmap`, which fills a device that one small model leaves idle. On a CPU it is a loop: one run
keeps the cores busy. Milliseconds a step and seed, 2 cores, jax 0.10.2, batches of 128 digits,
measured beside other work, so that only ratios count (of the GAN, CPU time):

| model                   | one run | loop: 2, 8 seeds | vmap: 2, 8 seeds |
| MLP VAE 784-400-20      | 5.9     | 6.1, 6.1         | 5.9, 6.8         |
| GAN 64-256-512-1024-784 | 23.8    | 27.7, 27.9       | 32.7, 37.5       |
| conv. VAE 16-32-256-20  | 42.8    | 46.3 (4 seeds)   | 50.0 (4 seeds)   |

A run that diverges goes on, as numbers that are not finite, and touches no other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from genjax.model import Model, Params, TrainingWarning
from genjax.training.state import TrainState

_DIVERGED = TrainingWarning(
    "diverged",
    "a loss or a weight is not a finite number; the other seeds go on.",
    is_collapse=True,
    patience=1,
)
Values = Mapping[str, np.ndarray]  # of terms: [] of one run, [S] of many


def select_seed(tree: Any, index: int) -> Any:
    """One run's part of what many have."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def unstack_seeds(params: Params) -> list[Params]:
    """Of the parameters of many runs those of every one; of one, itself."""
    single = jax.eval_shape(params.model.init, jax.random.key(0))
    leaf, of_one = jax.tree.leaves(params)[0], jax.tree.leaves(single)[0]
    if leaf.ndim == of_one.ndim:
        return [params]
    return [select_seed(params, index) for index in range(len(leaf))]


def map_seeds(function: Callable[[Any], Any], batch: Any) -> Any:
    """`function` of every element of `batch`, in the way that is fast on this machine."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, batch)
    return jax.vmap(function)(batch)


def average_params(state: TrainState) -> Params:
    """`TrainState.average_params` of one run or of many."""
    average = TrainState.average_params
    return jax.vmap(average)(state) if state.key.ndim else average(state)


def find_finite(terms: Values) -> np.ndarray:
    """Whether all terms are finite numbers, and the term "finite" is true: bool [] or [S]."""
    return np.all([np.isfinite(value) for value in terms.values()], axis=0) & (terms["finite"] > 0)


def find_warnings(model: Model, terms: Values, alive: np.ndarray) -> list[list[TrainingWarning]]:
    """Return the warnings at an epoch's terms, a list for every seed; one run is one seed."""
    if not alive.ndim:
        return [model.warnings({name: float(value) for name, value in terms.items()})]
    return [
        model.warnings({name: float(value[seed]) for name, value in terms.items()})
        if is_alive
        else [_DIVERGED]
        for seed, is_alive in enumerate(alive)
    ]


def name_seeds(found: Sequence[Sequence[TrainingWarning]]) -> list[TrainingWarning]:
    """Return the warnings of every seed in one list; those of many seeds name the seed."""
    if len(found) == 1:
        return list(found[0])
    return [
        warning._replace(
            name=f"seed {seed}: {warning.name}", advice=f"(seed {seed}) {warning.advice}"
        )
        for seed, warnings in enumerate(found)
        for warning in warnings
    ]


def compute_collapse_rate(found: Sequence[Sequence[TrainingWarning]]) -> float:
    """Return the share of seeds that diverged or whose samples collapse."""
    return float(np.mean([any(w.is_collapse for w in warnings) for warnings in found]))


def measure_distance(
    distance: Callable[[Params, jax.Array], float],
    params: Params,
    state: TrainState,
    alive: np.ndarray,
) -> np.ndarray:
    """`distance` of one run or of each that is `alive`: [] or [S]."""
    if not alive.ndim:
        return np.asarray(distance(params, state.key_of("distance")))
    keys = jax.vmap(lambda state: state.key_of("distance"))(state)
    each = [
        distance(select_seed(params, i), keys[i]) if ok else np.nan for i, ok in enumerate(alive)
    ]
    return np.asarray(each)


def summarize_seeds(terms: Values, alive: np.ndarray) -> dict[str, Any]:
    """What a line of metrics says of the terms: of many runs, the mean of those that are alive,
    their standard deviation in "spread", and each run's in "seeds"; null where it is not finite."""
    if not alive.ndim:
        return {name: float(value) for name, value in terms.items()}
    means = {name: _number(np.mean(value[alive])) for name, value in terms.items()}
    spread = {name: _spread(value[alive]) for name, value in terms.items()}
    each = {name: [_number(one) for one in value] for name, value in terms.items()}
    return {**means, "spread": spread, "seeds": each}


def _spread(values: np.ndarray) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
