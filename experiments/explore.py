"""Explore the latent space of a trained run: `python -m experiments.explore NAME [--run PATH]`.

Draws every figure that the model's parts allow into the run's folder explore/, and one page with
all of them in it, explore/index.html.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

import experiments.gan
import experiments.overviews
import experiments.vae
import experiments.walks  # noqa: F401  (they add their experiments and figures to the tables)
import genjax
from experiments.experiment import EXPERIMENTS, Experiment
from experiments.explored import Explored, allowed
from experiments.page import Section, page
from genjax import data, run
from genjax.data import Dataset
from genjax.files import enable_compilation_cache, read_json, replace_file
from genjax.metrics.images import check_shape
from genjax.progress import progress
from genjax.types import UserError, registered_name


def explore(folder: Path, dataset: str | None = None) -> Path:
    """Writes the figures and the page of the run in `folder`; the page's path.

    `dataset` is the folder of images that the run was trained on, if it was.

    Raises:
        UserError: where there is no run with weights in it, or its data cannot be found.
    """
    enable_compilation_cache()
    config = read_json(folder / "config.json")
    weights = folder / run.BEST if (folder / run.BEST).exists() else folder
    params = genjax.load(weights)
    train_set, test_set = _data(config, dataset)
    check_shape(params.model, test_set)
    explored = Explored(params, train_set, test_set, jax.random.key(0))
    sections = []
    for figure in progress(allowed(explored), unit=" figures", desc="exploring"):
        path = folder / "explore" / f"{figure.name}.png"
        text = figure.draw(explored, path)
        sections.append(Section(figure.name, figure.title, path, text, figure.code))
    if not sections:
        raise UserError(f"the model of {folder} has no latent space: neither encode nor decode.")
    title = f"The latent space of {folder.name}"
    html = page(title, _facts(explored, weights), _code(explored, weights), sections)
    index = folder / "explore" / "index.html"
    replace_file(index, lambda file: file.write(html.encode()))
    return index


def _data(config: Mapping[str, Any], folder: str | None) -> tuple[Dataset, Dataset]:
    """The training and the test set of the run of that `config.json`."""
    record = config.get("dataset", {})
    name = folder or record.get("name")
    if name not in data.NAMES and not folder:
        raise UserError(
            f"the run was trained on {name!r}, a folder of images: say where it is, with"
            " --dataset PATH."
        )
    model = genjax.types.from_json(config.get("model", {}))
    return Experiment("", name, model, image_size=model.image_shape[0]).load()


def _facts(explored: Explored, weights: Path) -> dict[str, str]:
    model, test_set = explored.model, explored.test_set
    return {
        "model": f"{registered_name(model)}, {model.latent_dim} latents",
        "weights": f"the best of the run, {run.BEST}" if weights.is_file() else "the last",
        "data": f"{test_set.name}, {len(test_set):,} test images of {test_set.image_shape}",
        "source": test_set.source,
    }


def _code(explored: Explored, weights: Path) -> str:
    """What the code beside the figures goes on from."""
    name = explored.test_set.name
    if name in data.NAMES:
        load = f'train, test = (genjax.data.load("{name}", split) for split in ("train", "test"))'
    else:
        side = explored.model.image_shape[0]
        load = f'train = test = genjax.data.from_folder("{name}", image_size={side})'
    encode = ["z = genjax.encode(params, images)"] if explored.encodes else []
    return "\n".join(
        [
            "import genjax, jax, jax.numpy as jnp",
            f'params = genjax.load("{weights}")',
            load,
            "images, labels = test.images[:10_000] / 255.0, test.labels[:10_000]",
            *encode,
            "key = jax.random.key(0)  # a new one for every figure",
        ]
    )


def _how_to_train(name: str, folder: Path) -> str:
    """What to do where there is no run in `folder`."""
    if name in EXPERIMENTS:
        return f"there is no run in {folder}. Train it: make train-{name}"
    runs = sorted(path.parent.name for path in folder.parent.glob("*/config.json"))
    return (
        f"there is no run in {folder}, and no experiment {name!r}. Explore one of the runs"
        f" ({', '.join(runs) or 'none yet'}), or train one of {', '.join(sorted(EXPERIMENTS))}."
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("make explore-NAME", description=explore.__doc__)
    parser.add_argument("name", help="the run's, such as vae-mnist")
    parser.add_argument("--run", type=Path, help="the run's folder; runs/NAME by default")
    parser.add_argument("--dataset", help="the folder of images that it was trained on, if it was")
    options = parser.parse_args(arguments)
    folder = options.run or Path("runs") / options.name
    try:
        if not (folder / "config.json").exists():
            raise UserError(_how_to_train(options.name, folder))
        print(explore(folder, options.dataset))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
