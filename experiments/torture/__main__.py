"""`python -m experiments.torture`: do all of it, and print the counts."""

import contextlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.torture.disks import fill_disks, forbid_writing
from experiments.torture.flips import flip_bits
from experiments.torture.kills import kill_runs
from experiments.torture.tiny_runs import CASES, train_undisturbed
from genjax.cli.command import parse, run
from genjax.errors import check_integer


@dataclass(frozen=True)
class Options:
    """Kill runs, damage their files, fill their disks, and count what is lost."""

    kills: int = 100
    """Processes to kill."""
    flips: int = 100
    """Bits to flip."""
    disks: int = 20
    """Disks that are too small, from almost nothing to almost enough."""
    seed: int = 0
    """The seed of all moments and places."""


def torture(options: Options) -> None:
    """Do all of it, and print the counts. Raises `Lost` at the first loss."""
    for name in ("kills", "flips", "disks", "seed"):
        check_integer(getattr(options, name), name, least=0)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        os.environ["GENJAX_CACHE_DIR"] = f"{folder}/cache"  # processes die while they write there
        os.environ["PYTHONWARNINGS"] = "ignore"  # of these processes
        root = Path(folder)
        with contextlib.redirect_stdout(None), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = {case: train_undisturbed(root, *case) for case in CASES}
        _print_counts(kill_runs(root, runs, options.kills, options.seed))
        _print_counts(flip_bits(root, runs, options.flips, options.seed))
        _print_counts(fill_disks(root, runs, options.disks))
        _print_counts(forbid_writing(root, runs))
    print(f"Nothing was lost, in {time.monotonic() - began:.0f} seconds.")


def _print_counts(counts: Mapping[str, int]) -> None:
    for what, count in counts.items():
        print(f"{count:6} {what}", flush=True)


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "python -m experiments.torture")
    return run(lambda: torture(options), options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
