"""Train a classifier that genjax ships: `genjax train-classifier NAME [options]`.

With `--out genjax/metrics/weights/DATASET.npz` the file becomes the one that is shipped.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import jax

from genjax import data
from genjax.cli.command import check_count, parse, run
from genjax.data.made.stacked import select_first_digit
from genjax.errors import UserError
from genjax.metrics import classifier_files as files
from genjax.metrics.classifier_budget import choose_training
from genjax.metrics.classifiers import measured
from genjax.models.image_classifier import ImageClassifier
from genjax.training.fit import fit


@dataclass(frozen=True)
class Recipe:
    """A data set, and how its classifier is trained."""

    dataset: str
    model: ImageClassifier
    images_shown: int = 360_000


_PLAIN = ImageClassifier()
_DEEP = ImageClassifier(channels=(32, 64, 64, 128, 256), deep=True, mirrored=True)
CLASSIFIERS = {  # clothes lie centred: they are not moved
    "mnist": Recipe("mnist", _PLAIN),
    "stacked": Recipe("stacked_mnist", _PLAIN),
    "fashion": Recipe("fashion_mnist", replace(_DEEP, largest_shift=0), 420_000),
    "cifar10": Recipe("cifar10", _DEEP, 500_000),
}


@dataclass(frozen=True)
class Options:
    """Which weights, and where they go."""

    seed: int = 0
    """The run's key is jax.random.key(seed)."""
    out: Path | None = None
    """The file; runs/classifier-NAME.npz by default."""


def train(recipe: Recipe, options: Options, out: Path) -> files.Stored:
    """Train by `recipe`, measure the weights as the file holds them, and write it."""
    check_count(options, "seed", least=0, most=2**32 - 1)
    train_set, test_set = (
        data.load(recipe.dataset, split, stream=False) for split in ("train", "test")
    )
    if recipe.dataset == "stacked_mnist":
        train_set, test_set = select_first_digit(train_set), select_first_digit(test_set)
    model = replace(recipe.model, num_classes=len(train_set.label_names))
    training = choose_training(len(train_set), recipe.images_shown)
    params = fit(model, train_set, jax.random.key(options.seed), training)
    stored = files.of_training_set(measured(params, test_set), train_set)
    try:
        files.write(out, stored)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error}") from None
    return stored


def main(arguments: list[str]) -> int:
    name, *rest = arguments or ["--help"]
    if name not in CLASSIFIERS:
        print(f"usage: genjax train-classifier {{{','.join(CLASSIFIERS)}}} [options]")
        return 0 if name in ("-h", "--help") else 2
    options = parse(Options, rest, f"genjax train-classifier {name}")
    out = options.out or Path("runs") / f"classifier-{name}.npz"

    def work() -> None:
        stored = train(CLASSIFIERS[name], options, out)
        print(
            f"test accuracy {stored.accuracy:.2%}, digest {files.digest(stored.params)},"
            f" {out} ({out.stat().st_size:,} bytes)"
        )

    return run(work, options, "stopped. Nothing is kept: the same command begins anew.")
