"""`python -m experiments.results record RUN ...`, `... tables` and `... ship RUN ...`."""

import sys
from functools import partial
from pathlib import Path
from typing import BinaryIO

from experiments.results.record import write_record
from experiments.results.ship import ship
from experiments.results.tables import PAGES, fill_tables
from genjax.cli.command import run
from genjax.errors import UserError
from genjax.runs.files import replace_file

_USAGE = """usage: python -m experiments.results record RUN ...
       python -m experiments.results tables
       python -m experiments.results ship RUN ...

record: write the result of a finished run (runs/NAME), of a study's folder (such as runs/variants)
        or of the benchmark (runs/bench.json) to its place in the repository.
tables: make the tables of the README and of docs/ anew from all records.
ship:   put the best weights of a finished run into the package, for `genjax.pretrained`."""


def _write(text: bytes, file: BinaryIO) -> None:
    file.write(text)


def _work(arguments: list[str]) -> None:
    match arguments:
        case ["record", first, *others]:
            for place in (first, *others):
                print(f"written: {write_record(Path(place))}")
        case ["tables"]:
            for page in PAGES:
                text = fill_tables(page.read_text()).encode()
                replace_file(page, partial(_write, text))
                print(f"written: {page}")
        case ["ship", first, *others]:
            for place in (first, *others):
                print(f"written: {ship(Path(place).absolute())}")
        case _:
            raise UserError(_USAGE)


if __name__ == "__main__":
    sys.exit(run(lambda: _work(sys.argv[1:])))
