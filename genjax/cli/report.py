"""`genjax report RUN`: write the page about a run anew, of what lies in its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.command import parse, run
from genjax.errors import UserError
from genjax.plots.run_page import write_run_page
from genjax.recipes import trained
from genjax.recipes.records import describe_reference
from genjax.runs import run_folder
from genjax.runs.files import read_json


@dataclass(frozen=True)
class Options:
    """Write the page about a run, report.html, anew, of what lies in its folder."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, or its name in runs/."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax report")
    return run(lambda: print(write_page(options.run)), options)


def write_page(place: Path) -> Path:
    """Write the page of a run, finished or not; return its path.

    Raises `UserError` where there is no run.
    """
    folder = trained.find_run(place)
    if not folder.is_dir():
        raise UserError(f"{folder} is a file of weights: give the folder of a run.")
    path = folder / run_folder.RESULT
    result = read_json(path) if path.exists() else {}
    return write_run_page(folder, result, describe_reference(result))
