"""The figures of a comparison, and when one model is better than another by one of them.

A figure is read off the results of every seed. Of two models the better one is marked only where
their means differ by more than the sum of their standard deviations over the seeds; with one seed
there is no spread, and nothing is marked.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

Values = tuple[float, ...]


@dataclass(frozen=True)
class Figure:
    """A number of `result.json`.

    `best` is the value that it should have: 0, 1, infinity. None of them is better than another
    where it is left out.
    """

    name: str
    title: str
    explanation: str
    best: float | None = None

    @property
    def aim(self) -> str:
        """What to wish for, in a sign or a number."""
        if self.best is None:
            return ""
        return {0.0: "↓", -np.inf: "↓", np.inf: "↑"}.get(self.best, f"→ {self.best:g}")

    def misses(self, values: Sequence[float]) -> Values:
        """How far each of the values is from the best one: less is better."""
        if self.best is None:
            return ()
        if np.isinf(self.best):
            return tuple(-value if self.best > 0 else value for value in values)
        return tuple(abs(value - self.best) for value in values)


FIGURES = [
    Figure("frechet_classifier", "FCD", "Fréchet distance in a classifier's features", 0.0),
    Figure("best.frechet_classifier", "FCD, best epoch", "of the weights nearest to the data", 0.0),
    Figure("kernel_distance", "KID", "kernel distance in the same features, unbiased", 0.0),
    Figure("precision", "precision", "share of samples among the data", 1.0),
    Figure("recall", "recall", "share of the data among the samples", 1.0),
    Figure("density", "density", "data around the samples", 1.0),
    Figure("coverage", "coverage", "share of the data with a sample near", 1.0),
    Figure("modes", "classes", "that samples were assigned to", np.inf),
    Figure("least_share", "least class", "share of the rarest class", np.inf),
    Figure("modes_kl", "class imbalance", "KL of the classes' shares from even, nats", 0.0),
    Figure("confidence", "confidence", "of the classifier in its verdict", 1.0),
    Figure("sharpness", "sharpness", "variance of the Laplacian, data 1", 1.0),
    Figure("spectral_sharpness", "high frequencies", "their share, data 1", 1.0),
    Figure("nearer_to_train", "memorisation", "0.5: none; 1: samples are copies", 0.5),
    Figure("path_length", "path length", "change of features along a way between latents", 0.0),
    Figure("label_agreement", "label agreement", "ways that pass no third class", 1.0),
    Figure("jacobian_variation", "Jacobian variation", "how unevenly the decoder moves", 0.0),
    Figure("reconstruction_error", "reconstruction error", "squared, a pixel", 0.0),
    Figure("reconstruction_sharpness", "reconstruction sharpness", "as of samples", 1.0),
    Figure("reconstruction_feature_error", "feature error", "of reconstructions, squared", 0.0),
    Figure("nll", "NLL", "importance-weighted bound, nats an image", -np.inf),
    Figure("negative_elbo", "-ELBO", "nats an image", -np.inf),
    Figure("active_units", "active latents", "of those there are"),
    Figure("parameters", "weights", "of all its networks"),
    Figure("training_seconds", "training, s", "of one seed", 0.0),
    Figure("sampling_seconds", "sampling, s", "of 10,000 images", 0.0),
]


@dataclass(frozen=True)
class Contender:
    """A model of a comparison: its runs, which differ in the seed alone, and their results.

    `kind` is the registered name of the model, or "beta-vae".
    """

    name: str
    kind: str
    folders: tuple[Path, ...]
    results: tuple[Mapping[str, Any], ...]

    def values(self, figure: str) -> Values:
        """One of every run; none at all where a run lacks the figure. `a.b` is b within a."""

        def look(result: Any, part: str) -> Any:
            return result.get(part) if isinstance(result, Mapping) else None

        found: Any = tuple(reduce(look, figure.split("."), result) for result in self.results)
        return () if None in found else found


def better(figure: Figure, left: Values, right: Values) -> bool | None:
    """Whether `left` is better than `right`; None where the spread does not tell, or is unknown."""
    if min(len(left), len(right)) < 2 or figure.best is None:
        return None
    ours, theirs = figure.misses(left), figure.misses(right)
    difference = statistics.mean(theirs) - statistics.mean(ours)
    spread = statistics.stdev(ours) + statistics.stdev(theirs)
    return None if abs(difference) <= spread else difference > 0


def winner(figure: Figure, contenders: Sequence[Contender]) -> Contender | None:
    """The contender that is better than every other one that has the figure, of at least two."""
    have = [c for c in contenders if c.values(figure.name)]
    for one in have if len(have) > 1 else []:
        others = [other for other in have if other is not one]
        if all(better(figure, one.values(figure.name), o.values(figure.name)) for o in others):
            return one
    return None


def shown(values: Sequence[float]) -> str:
    """mean ± standard deviation, as many digits as the spread leaves meaning to."""
    if not values:
        return "-"
    mean = statistics.mean(values)
    if len(values) == 1 or not (spread := statistics.stdev(values)):
        return _number(mean, 3)
    places = max(0, 1 - int(np.floor(np.log10(spread))))
    if abs(mean) >= 100:
        places = 0
    return f"{mean:,.{places}f} ± {spread:,.{places}f}"


def _number(value: float, digits: int) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"
