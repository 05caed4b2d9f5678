"""What does resampling by latent density do against biased data? `python -m experiments.debias`.

Trains a debiasing VAE with and without resampling ("uniform": the same network with `resampling`
"none"), sweeps alpha, and writes tables and a page. Groups are used to measure, never to train.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import genjax
from genjax.cli.command import parse, run
from genjax.data.made.biased import BIASED
from genjax.models import DebiasingVAE
from genjax.plots.debias_page import DebiasedRun, write_debias_page
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.debiasing import NAMES
from genjax.recipes.resampled import weighting_options
from genjax.recipes.series import Results, format_table, make_rows, run_path, run_series
from genjax.runs.files import replace_file

_ALPHAS = (0.5, 1.0, 4.0, 8.0)  # beside the recipe's own, 2
_SWEPT = "mnist_rotated"


@dataclass(frozen=True)
class Options:
    """The runs of the study."""

    out: Path = Path("runs/debias")
    """Folder of the runs, of the tables and of the page."""
    seeds: int = 5
    """Number of seeds, from 0 on, that everything is trained with."""
    sweep_seeds: int = 2
    """Number of seeds, from 0 on, that every other alpha is trained with."""


def make_pair(dataset: str) -> dict[str, Recipe]:
    """Return the recipe on a biased data set below its baseline of uniform sampling."""
    debiased = RECIPES[NAMES[dataset]]
    uniform = _change_model(debiased, resampling="none")
    return {f"uniform-{dataset}": uniform, f"debiased-{dataset}": debiased}


def make_sweep(dataset: str) -> dict[float, tuple[str, Recipe]]:
    """Return alpha -> (name of the run, recipe), the smallest first; infinity is uniform."""
    uniform, debiased = make_pair(dataset).items()
    sweep = {
        alpha: (f"alpha-{alpha:g}-{dataset}", _change_model(debiased[1], alpha=alpha))
        for alpha in _ALPHAS
    }
    sweep[_get_model(debiased[1]).alpha] = debiased
    return dict(sorted(sweep.items())) | {float("inf"): uniform}


def _get_model(recipe: Recipe) -> DebiasingVAE:
    assert isinstance(recipe.model, DebiasingVAE)
    return recipe.model


def _change_model(recipe: Recipe, **fields: Any) -> Recipe:
    return replace(recipe, model=replace(_get_model(recipe), **fields))


def name_columns(dataset: str) -> dict[str, str]:
    """Return the metrics that a data set's table shows, and their headings."""
    groups = BIASED[dataset].groups
    return {
        **{f"accuracy_group_{g}": name for g, name in enumerate(groups)},
        "accuracy": "test set",
        "group_gap": "gap",
        "data_rare": "rare: in the data",
        "seen_rare": "in what the model saw",
        "subset_rare": "in a balanced subset",
    }


def run_study(options: Options) -> str:
    """Train what is not yet trained, write tables and page; return the tables as Markdown."""
    out = options.out
    results = {d: run_series(make_pair(d), out, options.seeds) for d in NAMES}
    rows = {d: make_rows(results[d], name_columns(d)) for d in NAMES}
    text = "\n".join(f"{dataset}\n\n{format_table(rows[dataset])}" for dataset in NAMES)
    replace_file(out / "table.md", lambda file: file.write(text.encode()))
    runs = [load_debiased(run_path(out, f"debiased-{d}"), make_pair(d), rows[d]) for d in NAMES]
    write_debias_page(out, runs, run_sweep(out, options.sweep_seeds))
    return text


def run_sweep(out: Path, num_seeds: int) -> dict[float, Any]:
    """Train every alpha; return the results of all seeds by alpha."""
    sweep = make_sweep(_SWEPT)
    results: Results = run_series(dict(sweep.values()), out, num_seeds)
    return {alpha: results[name] for alpha, (name, _) in sweep.items()}


def load_debiased(folder: Path, pair: Mapping[str, Recipe], rows: list[list[str]]) -> DebiasedRun:
    """Load a debiased run, its data, and the probabilities by which it draws them."""
    params = genjax.load(folder)
    _, debiased = pair.values()
    train_set, _ = debiased.load_resident()
    options = weighting_options(params)
    p = genjax.resampling_weights(params, train_set.images, train_set.labels, **options)
    return DebiasedRun(folder, params, train_set, np.asarray(p), options, rows)


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code."""
    options = parse(Options, arguments, "python -m experiments.debias")

    def work() -> None:
        print(f"\n{run_study(options)}\nmean ± standard deviation over {options.seeds} seeds")
        print(f"open in a browser: {options.out / 'index.html'}")

    return run(work, options, "stopped. The same command continues where it was.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
