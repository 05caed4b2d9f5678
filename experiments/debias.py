"""What does resampling by latent density do against biased data? `make debias` trains and
compares, with and without resampling, and sweeps alpha; a page shows it.

Uniform sampling is the same network with `resampling` "none". Groups are known to the measurements
alone.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from genjax.cli.command import parse, run
from genjax.data.made.biased import BIASED
from genjax.plots import debias_page
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.debiasing import NAMES
from genjax.recipes.series import format_table, run_series

_ALPHAS = (0.5, 1.0, 4.0, 8.0)  # beside the experiment's own, 2
_SWEPT = "mnist_rotated"


@dataclass(frozen=True)
class Options:
    """How often, and where to."""

    out: Path = Path("runs/debias")
    """The folder of the runs, of the tables and of the page."""
    seeds: int = 5
    """Runs of everything, with the seeds from 0 on."""
    sweep_seeds: int = 2
    """Runs of every other alpha, with the seeds from 0 on."""


def pair(dataset: str) -> dict[str, Recipe]:
    """The recipe on a biased data set, and its baseline of uniform sampling."""
    debiased = RECIPES[NAMES[dataset]]
    uniform = replace(debiased, model=replace(debiased.model, resampling="none"))  # type: ignore[call-arg]
    return {f"uniform-{dataset}": uniform, f"debiased-{dataset}": debiased}


def sweep(dataset: str) -> dict[float, tuple[str, Recipe]]:
    """alpha -> the run's name and the recipe, the smallest alpha first; infinity: uniform."""
    uniform, debiased = pair(dataset).items()
    others = {
        alpha: (
            f"alpha-{alpha:g}-{dataset}",
            replace(debiased[1], model=replace(debiased[1].model, alpha=alpha)),  # type: ignore[call-arg]
        )
        for alpha in _ALPHAS
    }
    own: float = debiased[1].model.alpha  # type: ignore[attr-defined]
    return dict(sorted((others | {own: debiased, float("inf"): uniform}).items()))


def columns(dataset: str) -> dict[str, str]:
    """What a table shows of the runs on a data set."""
    groups = BIASED[dataset].groups
    return {
        **{f"accuracy_group_{g}": name for g, name in enumerate(groups)},
        "accuracy": "test set",
        "group_gap": "gap",
        "data_rare": "rare: in the data",
        "seen_rare": "in what the model saw",
        "subset_rare": "in a balanced subset",
    }


def debias(options: Options) -> str:
    """Trains what is not yet trained, and writes the page; its tables as Markdown."""
    results = {d: run_series(pair(d), options.out, options.seeds) for d in NAMES}
    tables = {d: format_table(results[d], columns(d)) for d in NAMES}
    swept = sweep(_SWEPT)
    found = run_series(dict(swept.values()), options.out, options.sweep_seeds)
    by_alpha = {alpha: found[name] for alpha, (name, _) in swept.items()}
    text = "\n".join(f"{dataset}\n\n{found}" for dataset, found in tables.items())
    (options.out / "table.md").write_text(text)
    debias_page.write(options.out, {d: pair(d) for d in NAMES}, tables, by_alpha)
    return text


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "python -m experiments.debias")

    def work() -> None:
        text = debias(options)
        print(f"\n{text}\nmean ± standard deviation of {options.seeds}")
        print(f"open in a browser: {options.out / 'index.html'}")

    return run(work, options, "stopped. The same command goes on where it was.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
