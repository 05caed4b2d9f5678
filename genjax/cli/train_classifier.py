"""Train a classifier that genjax ships: `genjax train-classifier NAME [options]`.

With `--out genjax/metrics/weights/DATASET.npz` the file becomes the one that is shipped.
"""

from dataclasses import dataclass
from pathlib import Path

from genjax.cli.command import parse, run
from genjax.errors import UserError, check_integer
from genjax.metrics.classifier_files import compute_digest, write_classifier
from genjax.recipes.classifier_training import CLASSIFIERS, train_shipped


@dataclass(frozen=True)
class Options:
    """Which weights, and where they go."""

    seed: int = 0
    """The run's key is jax.random.key(seed)."""
    out: Path | None = None
    """The file; runs/classifier-NAME.npz by default."""


def train(name: str, options: Options, out: Path) -> None:
    """Train the classifier NAME, write it to `out`, and print its accuracy and digest."""
    check_integer(options.seed, "seed", least=0, most=2**32 - 1)
    stored = train_shipped(name, options.seed)
    try:
        write_classifier(out, stored)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error}") from None
    print(
        f"test accuracy {stored.accuracy:.2%}, digest {compute_digest(stored.params)},"
        f" {out} ({out.stat().st_size:,} bytes)"
    )


def main(arguments: list[str]) -> int:
    name, *rest = arguments or ["--help"]
    if name not in CLASSIFIERS:
        print(f"usage: genjax train-classifier {{{','.join(CLASSIFIERS)}}} [options]")
        return 0 if name in ("-h", "--help") else 2
    options = parse(Options, rest, f"genjax train-classifier {name}")
    out = options.out or Path("runs") / f"classifier-{name}.npz"
    return run(
        lambda: train(name, options, out),
        options,
        "stopped. Nothing is kept: the same command begins anew.",
    )
