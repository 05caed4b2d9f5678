"""Which VAE separates the factors of the sprites? `make disentangle` trains and compares.

Each of the experiments in `experiments.sprites` is trained with several seeds, into a folder of its
own; what is finished is skipped, and what was stopped goes on. At the end stand a table of the test
figures, and a picture of what every latent does in the runs of the first seed.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

import genjax
from experiments.experiment import EXPERIMENTS, Experiment
from experiments.sprites import NAMES
from experiments.train import train
from genjax import plot
from genjax.data import Dataset
from genjax.files import replace_file
from genjax.types import Params, UserError

FIGURES = {  # of result.json, and what the table calls them
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error a pixel",
}
_MOST_LATENTS = 8  # shown
_STEPS = 9  # of each
_ENCODED = 500  # images, to see which latents are used


@dataclass(frozen=True)
class Options:
    """How often, and where to."""

    seeds: int = 3
    """Runs of every model, with the seeds from 0 on."""
    out: Path = Path("runs/disentangle")
    """The folder of the runs, of table.md and of traversals.png."""


def compare(experiments: Mapping[str, Experiment], seeds: int, out: Path) -> str:
    """Trains the experiments into `out`/NAME-SEED; the table, as it is written to `out`/table.md.

    Raises:
        UserError: if `seeds` is below 1, or a folder holds a run of another configuration.
    """
    if seeds < 1:
        raise UserError(f"--seeds is {seeds}, but must be at least 1.")
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in experiments}
    for seed in range(seeds):
        for name, experiment in experiments.items():
            print(f"{name}, seed {seed}")
            results[name].append(train(replace(experiment, seed=seed), out / f"{name}-{seed}"))
    text = table(results)
    replace_file(out / "table.md", lambda file: file.write(text.encode()))
    test_set = next(iter(experiments.values())).load()[1]
    shown = [traversal(genjax.load(out / f"{name}-0"), test_set) for name in experiments]
    plot.save_panels(out / "traversals.png", shown, list(experiments), _STEPS)
    return text


def table(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Markdown: of the results of every experiment the mean and the standard deviation."""
    lines = [["model", *FIGURES.values()], ["---"] * (1 + len(FIGURES))]
    for name, runs in results.items():
        values = ([run[figure] for run in runs if figure in run] for figure in FIGURES)
        lines.append([name, *map(_summary, values)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{spread}"


def traversal(params: Params, test_set: Dataset) -> np.ndarray:
    """A row for each of the latents in most use, the image moved along it: [rows * 9, H, W, C].

    The image is that of the test set whose code is nearest to 0, the middle of the prior.
    """
    codes = np.asarray(genjax.encode(params, test_set.images[:_ENCODED] / 255.0))
    middle = codes[np.argmin(np.linalg.norm(codes, axis=1))]
    used = np.argsort(-codes.var(axis=0))[:_MOST_LATENTS]
    rows = genjax.traverse(params, jax.numpy.asarray(middle), extent=2.0, num=_STEPS)[used]
    return np.asarray(rows).reshape(-1, *test_set.image_shape)


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="make disentangle")
    try:
        text = compare({name: EXPERIMENTS[name] for name in NAMES}, options.seeds, options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    print(f"\n{text}\nmean ± standard deviation, seeds: {options.seeds}")
    print(f"figure: {options.out / 'traversals.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
