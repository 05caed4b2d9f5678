"""What an epoch's terms say: a line of metrics, the warnings, and which seeds have diverged.

Terms are arrays, [] of one run or [S] of many seeds.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from genjax.distributed import hosts
from genjax.distributed.seeds import select_seed
from genjax.errors import TrainingDiverged
from genjax.model import Model, Params, TrainingWarning
from genjax.runs import checkpoints
from genjax.runs.keys import Purpose
from genjax.training.state import TrainState

Distance = Callable[[Params, PRNGKeyArray], float]
Values = Mapping[str, Float[np.ndarray, "*seeds"]]  # terms
_DIVERGED = TrainingWarning(
    "diverged",
    "a loss or a weight is not a finite number; the other seeds go on.",
    is_collapse=True,
    patience=1,
)
_LEAST_RATE = 0.1  # nats of an image: fewer cannot tell even two groups of images apart
_PATIENCE = 5  # epochs: the rate of many VAEs begins at nearly 0


def find_finite(terms: Values) -> Bool[np.ndarray, "*seeds"]:
    """Tell whether all terms are finite numbers and the term "finite" is true."""
    finite = [np.isfinite(value) for value in terms.values()]
    return np.asarray(np.all(finite, axis=0) & (terms["finite"] > 0))


def check_alive(
    terms: Values, alive: Bool[np.ndarray, "*seeds"], epoch: int, folder: Path | None
) -> None:
    """Raise `TrainingDiverged` where no run is `alive`; of many seeds, the first says why."""
    if alive.any():
        return
    first = {name: value.flat[0] for name, value in terms.items()}
    bad = [name for name, value in first.items() if not np.isfinite(value)]
    bad.sort(key=lambda name: name.endswith("loss"))  # a loss is only the sum of what went wrong
    what = f"the term {bad[0]!r} is {first[bad[0]]}" if bad else "a weight is not finite"
    every = f" of seed 0, and the others of {alive.size} have diverged too" if alive.ndim else ""
    raise_diverged(f"{what}{every}", epoch, folder)


def raise_diverged(what: str, epoch: int, folder: Path | None) -> None:
    """Raise `TrainingDiverged`, naming the last good checkpoint. All hosts call this."""
    kept = hosts.run_on_first(lambda: str(checkpoints.find_newest(folder) or "")) if folder else ""
    raise TrainingDiverged(
        f"training stopped in epoch {epoch}: {what}. "
        + (f"The last good checkpoint is {kept}. " if kept else "There is no checkpoint yet. ")
        + "A smaller optimizer.learning_rate, optimizer.clip_norm 1, or warm-up steps may help."
    )


def find_warnings(
    model: Model, terms: Values, alive: Bool[np.ndarray, "*seeds"]
) -> list[list[TrainingWarning]]:
    """Return the warnings at an epoch's terms, a list for every seed; one run is one seed."""

    def find(values: Mapping[str, float]) -> list[TrainingWarning]:
        return [*model.warnings(values), *find_posterior_collapse(values)]

    if not alive.ndim:
        return [find({name: float(value) for name, value in terms.items()})]
    return [
        find({name: float(value[seed]) for name, value in terms.items()})
        if is_alive
        else [_DIVERGED]
        for seed, is_alive in enumerate(alive)
    ]


def find_posterior_collapse(terms: Mapping[str, float]) -> list[TrainingWarning]:
    """Warn where the latents tell nothing about the images: the rate KL(q(z|x) || p(z)) is near 0.

    The decoder then makes the same of every latent (Bowman et al. 2016, arXiv:1511.06349, section
    3). A model has a rate where its losses return a term of this name.

    >>> [warning.name for warning in find_posterior_collapse({"rate": 0.01})]
    ['posterior collapse']
    """
    rate = terms.get("rate", _LEAST_RATE)
    if rate >= _LEAST_RATE:
        return []
    advice = (
        f"the latents tell only {rate:.2g} nats about an image, so that the decoder does without"
        " them: a smaller beta, a longer warm-up, or a sharper likelihood may help."
    )
    return [TrainingWarning("posterior collapse", advice, patience=_PATIENCE)]


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


def warn_of_lasting(
    found: Sequence[TrainingWarning], lasting: Mapping[str, int], epoch: int
) -> None:
    """Warn the user, once, of what was `found` in as many epochs in a row as its patience is."""
    for warning in found:
        if lasting[warning.name] == warning.patience:
            since = epoch + 1 - warning.patience
            warnings.warn(f"since epoch {since} {warning.advice}", stacklevel=6)


def measure_distance(
    distance: Distance, params: Params, state: TrainState, alive: Bool[np.ndarray, "*seeds"]
) -> Float[np.ndarray, "*seeds"]:
    """Measure `distance` for one run, or for every seed that is `alive`; nan for the others."""
    keys = state.derive_key(Purpose.DISTANCE)
    if not alive.ndim:
        return np.asarray(distance(params, keys), np.float64)
    each = [
        distance(select_seed(params, i), keys[i]) if ok else np.nan for i, ok in enumerate(alive)
    ]
    return np.asarray(each, np.float64)


def summarize_seeds(terms: Values, alive: Bool[np.ndarray, "*seeds"]) -> dict[str, Any]:
    """Return the terms as a line of metrics; numbers that are not finite are None.

    For many seeds: means over those that are alive, their standard deviation in "spread", and each
    seed's in "seeds".
    """
    if not alive.ndim:
        return {name: _to_number(value) for name, value in terms.items()}
    means = {name: _to_number(np.mean(value[alive])) for name, value in terms.items()}
    spread = {name: _compute_spread(value[alive]) for name, value in terms.items()}
    each = {name: [_to_number(one) for one in value] for name, value in terms.items()}
    return {**means, "spread": spread, "seeds": each}


def _compute_spread(values: np.ndarray) -> float | None:
    return _to_number(np.std(values, ddof=1)) if len(values) > 1 else None


def _to_number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
