"""`python -m experiments.results record RUN ...` and `python -m experiments.results tables`."""

import sys
from pathlib import Path

from experiments.results.record import write_record
from experiments.results.tables import README, fill_tables
from genjax.cli.command import run
from genjax.errors import UserError
from genjax.runs.files import replace_file

_USAGE = """usage: python -m experiments.results record RUN ...
       python -m experiments.results tables

record: write the result of a finished run (runs/NAME), of a study's folder (such as runs/variants)
        or of the benchmark (runs/bench.json) to its place in the repository.
tables: make the README's tables anew from all records."""


def _work(arguments: list[str]) -> None:
    match arguments:
        case ["record", first, *others]:
            for place in (first, *others):
                print(f"written: {write_record(Path(place))}")
        case ["tables"]:
            text = fill_tables(README.read_text())
            replace_file(README, lambda file: file.write(text.encode()))
            print(f"written: {README}")
        case _:
            raise UserError(_USAGE)


if __name__ == "__main__":
    sys.exit(run(lambda: _work(sys.argv[1:])))
