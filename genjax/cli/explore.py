"""Explore the latent space of a trained run: `python -m experiments.explore NAME [--run PATH]`.

Draws every figure that the model's parts allow into the run's folder explore/, and one page with
all of them in it, explore/index.html.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import tyro

import genjax.plots.exploration.overviews
import genjax.plots.exploration.traversals  # noqa: F401  (they add their figures to the table)
from genjax.cli.command import exit_code
from genjax.errors import UserError
from genjax.model import registered_name
from genjax.plots.exploration.explored import Explored, allowed
from genjax.plots.page import Section, make_page
from genjax.recipes import RECIPES, trained
from genjax.runs import run_folder
from genjax.runs.files import enable_compilation_cache, replace_file
from genjax.runs.progress import progress


def explore(folder: Path, dataset: str | None = None) -> Path:
    """Writes the figures and the page of the run in `folder`; the page's path.

    `dataset` is the folder of images that the run was trained on, if it was.

    Raises:
        UserError: where there is no run with weights in it, or its data cannot be found.
    """
    enable_compilation_cache()
    weights = trained.find_weights(folder)
    params = trained.load_best(folder)
    train_set, test_set = trained.find_data(folder, dataset)
    explored = Explored(params, train_set, test_set, jax.random.key(0))
    sections = []
    for figure in progress(allowed(explored), unit=" figures", desc="exploring"):
        path = folder / "explore" / f"{figure.name}.png"
        text = figure.draw(explored, path)
        sections.append(Section(figure.name, figure.title, path, text, figure.code))
    if not sections:
        raise UserError(f"the model of {folder} has no latent space: neither encode nor decode.")
    title = f"The latent space of {folder.name}"
    html = make_page(title, _facts(explored, weights), _code(explored, weights, dataset), sections)
    index = folder / "explore" / "index.html"
    replace_file(index, lambda file: file.write(html.encode()))
    return index


def _facts(explored: Explored, weights: Path) -> dict[str, str]:
    model, test_set = explored.model, explored.test_set
    return {
        "model": f"{registered_name(model)}, {model.latent_dim} latents",
        "weights": f"the best of the run, {run_folder.BEST}" if weights.is_file() else "the last",
        "data": f"{test_set.name}, {len(test_set):,} test images of {test_set.image_shape}",
        "source": test_set.source,
    }


def _code(explored: Explored, weights: Path, dataset: str | None) -> str:
    """What the code beside the figures goes on from."""
    if dataset:
        side = explored.model.image_shape[0]
        load = [
            f"whole = genjax.data.from_folder({dataset!r}, image_size={side})",
            "is_test = np.arange(len(whole)) % 10 == 9",
            'train = whole.subset(np.flatnonzero(~is_test), "nine tenths")',
            'test = whole.subset(np.flatnonzero(is_test), "every tenth")',
        ]
    else:
        name = explored.test_set.name
        load = [f'train, test = (genjax.data.load("{name}", split) for split in ("train", "test"))']
    return "\n".join(
        [
            "import genjax, jax, jax.numpy as jnp, numpy as np",
            f'params = genjax.load("{weights}")',
            *load,
            "images, labels = test.images[:10_000] / 255.0, test.labels[:10_000]",
            "known_images = train.images[:10_000] / 255.0",
            *(["z = genjax.encode(params, images)"] if explored.encodes else []),
            "key = jax.random.key(0)  # a new one for every figure",
        ]
    )


@dataclass(frozen=True)
class Options:
    """Which run."""

    run: Path | None = None
    """The run's folder; runs/NAME by default."""
    dataset: str | None = None
    """The folder of images that the run was trained on, if it was."""


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        names = ", ".join(RECIPES)
        print(f"usage: python -m experiments.explore NAME [options]\n\nnames: {names}")
        return 0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2
    name, *rest = arguments
    options = tyro.cli(Options, args=rest, prog=f"make explore-{name}")

    def work() -> None:
        page = explore(trained.find_run(name, options.run), options.dataset)
        print(f"open in a browser: {page}")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
