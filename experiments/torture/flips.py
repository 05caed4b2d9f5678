"""Flip one bit of a file of a run.

Whatever reads the run must give what it gave before, or name the file in an error or a warning.
Resumed, the run must be refused with the file's name, or end in the bits of an undisturbed run.
Nothing in figures/ is flipped: genjax never reads a picture.
"""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from experiments.torture.tiny_runs import (
    CASES,
    PARTS,
    Lost,
    Runs,
    Undisturbed,
    catch_error,
    check_same,
    train,
)
from genjax.runs.progress import progress


def flip_bits(root: Path, runs: Runs, flips: int, seed: int) -> Counter[str]:
    """Flip one bit of one file of a run, again and again, and count what came of it."""
    rng, counts = np.random.default_rng(seed), Counter[str]()
    for number in progress(range(flips), desc="flips", unit=" flips"):
        (name, unfinished), folder = CASES[number % len(CASES)], root / "flipped"
        before = runs[name, unfinished]
        shutil.copytree(before.folder, folder)
        file = _flip(folder, rng)
        counts["flips"] += 1
        counts[_examine(name, folder, file, before, runs[name, False])] += 1
        shutil.rmtree(folder)
    return counts


def _flip(folder: Path, rng: np.random.Generator) -> Path:
    """Flip one bit of a file that genjax reads; return the file."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    found = [path for path in found if path.parent.name != "figures"]
    path = found[rng.integers(len(found))]
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return path


def _examine(name: str, folder: Path, file: Path, before: Undisturbed, whole: Undisturbed) -> str:
    """Read a damaged run, resume it, and return what came of it."""
    found = ""
    for part, read in PARTS.items():
        value, error, said = catch_error(lambda read=read: read(folder))  # type: ignore[misc]
        if error or value != before.parts[part]:
            if file.name not in error + said:
                raise Lost(f"{file} was changed, and the {part} too, without a word.")
            found = part
    _, error, said = catch_error(lambda: train(name, folder))
    if error:
        if file.name not in error:
            raise Lost(f"{file} was changed, and the error does not name it: {error}")
        return "... refused, with the file's name"
    check_same(folder, whole, but_for=found if found in ("metrics", "best weights") else "")
    return "... named, and trained to the same bits" if found or said else "... harmless"
