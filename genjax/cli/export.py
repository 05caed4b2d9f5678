"""`genjax export RUN`: write a trained model as programs that need no genjax."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.command import parse, run
from genjax.recipes import trained
from genjax.runs.weights import load_best
from genjax.sharing.portable import export


@dataclass(frozen=True)
class Options:
    """Write a trained model as programs that need no genjax: sample, decode and encode."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, its name in runs/, or a file of weights."""
    out: Path | None = None
    """The folder of the programs; by default "export" in the run's folder."""
    onnx: bool = False
    """Also write decode and encode as ONNX, with the extra onnx."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax export")

    def work() -> None:
        place = trained.find_run(options.run)
        folder = place if place.is_dir() else place.parent
        for path in export(load_best(place), options.out or folder / "export", options.onnx):
            print(path)

    return run(work, options)
