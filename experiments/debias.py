"""What does resampling by latent density do against a planted bias? `make debias` trains and
compares, with and without resampling, and sweeps alpha; a page shows it.

Uniform sampling is the same network with `resampling` "none". Groups are known to the measurements
alone.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from experiments import debias_page
from experiments.command import exit_code
from experiments.compare import Options as Runs
from experiments.compare import compare, run_of
from experiments.experiment import Experiment
from experiments.named import EXPERIMENTS
from experiments.planted import NAMES
from genjax.data.planted import PLANTED

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


def pair(dataset: str) -> dict[str, Experiment]:
    """The experiment on a data set with planted bias, and its baseline of uniform sampling."""
    debiased = EXPERIMENTS[NAMES[dataset]]
    uniform = replace(debiased, model=replace(debiased.model, resampling="none"))  # type: ignore[call-arg]
    return {f"uniform-{dataset}": uniform, f"debiased-{dataset}": debiased}


def sweep(dataset: str) -> dict[float, tuple[str, Experiment]]:
    """alpha -> the run's name and the experiment, the smallest alpha first; infinity: uniform."""
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


def figures(dataset: str) -> dict[str, str]:
    """What a table shows of the runs on a data set."""
    groups = PLANTED[dataset].groups
    return {
        **{f"accuracy_group_{g}": name for g, name in enumerate(groups)},
        "accuracy": "test set",
        "group_gap": "gap",
        "data_rare": "rare: in the data",
        "seen_rare": "in what the model saw",
        "subset_rare": "in a balanced subset",
    }


def results(out: Path, experiments: Mapping[str, Experiment], seeds: int) -> dict[str, list[dict]]:
    """The `result.json` of every run, by experiment."""
    return {
        name: [
            json.loads((run_of(out, name, seed) / "result.json").read_text())
            for seed in range(seeds)
        ]
        for name in experiments
    }


def debias(options: Options) -> str:
    """Trains what is not yet trained, and writes the page; its tables as Markdown."""
    tables = {}
    for dataset in NAMES:
        runs = Runs(options.out, options.seeds)
        tables[dataset] = compare(pair(dataset), runs, figures(dataset))
    swept = sweep(_SWEPT)
    named = dict(swept.values())
    compare(named, Runs(options.out, options.sweep_seeds), figures(_SWEPT))
    found = results(options.out, named, options.sweep_seeds)
    by_alpha = {alpha: found[name] for alpha, (name, _) in swept.items()}
    text = "\n".join(f"{dataset}\n\n{table}" for dataset, table in tables.items())
    (options.out / "table.md").write_text(text)
    debias_page.write(options.out, {d: pair(d) for d in NAMES}, tables, by_alpha)
    return text


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="make debias")

    def work() -> None:
        text = debias(options)
        print(f"\n{text}\nmean ± standard deviation of {options.seeds}")
        print(f"open in a browser: {options.out / 'index.html'}")

    return exit_code(work, "stopped. The same command goes on where it was.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
