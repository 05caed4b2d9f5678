"""Kill processes that train, at random moments.

A process is killed (SIGKILL), and the run resumed by the next one, until one ends by itself. Then
weights, best weights and metrics must be those of an undisturbed run, to the bit.
"""

import multiprocessing
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.torture.tiny_runs import CASES, MODELS, Lost, Runs, check_same, train
from genjax.runs import checkpoints
from genjax.runs.progress import progress


def kill_runs(root: Path, runs: Runs, kills: int, seed: int) -> Counter[str]:
    """Kill processes at random moments, resuming each run until it ends, and count."""
    context, counts = multiprocessing.get_context("forkserver"), Counter[str]()
    context.set_forkserver_preload([train.__module__])  # imports jax once, for all processes
    rng = np.random.default_rng(seed)

    def start(name: str, folder: Path) -> Any:
        process = context.Process(target=train, args=(name, folder))
        process.start()
        return process

    longest = max(_time(start, name, root / f"timed-{name}-{i}") for i in (0, 1) for name in MODELS)
    with progress(total=kills, desc="kills", unit=" kills") as bar:
        while counts["kills"] < kills:
            name, folder = CASES[counts["killed runs"] % 2][0], root / "killed"
            while not _kill(start(name, folder), rng.uniform(0, longest), folder, counts):
                bar.update()
            check_same(folder, runs[name, False])
            counts["killed runs"] += 1
            shutil.rmtree(folder)
    return counts


def _time(start: Callable[[str, Path], Any], name: str, folder: Path) -> float:
    began, process = time.monotonic(), start(name, folder)
    process.join()
    return (time.monotonic() - began) if folder.name.endswith("1") else 0.0  # the first compiles


def _kill(process: Any, seconds: float, folder: Path, counts: Counter[str]) -> bool:
    """Kill a process after so many seconds; return whether it had ended by then."""
    newest = _find_newest(folder)
    process.join(seconds)
    process.kill()
    process.join()
    if process.exitcode == 0:
        return True
    if process.exitcode > 0:
        raise Lost(f"{folder}: training ended with the exit code {process.exitcode}.")
    if _find_newest(folder) < newest:
        raise Lost(f"{folder}: the checkpoint of epoch {newest} is gone.")
    counts["kills"] += 1
    counts["... of them while a checkpoint was written"] += _is_writing(folder)
    return False


def _find_newest(folder: Path) -> int:
    newest = checkpoints.find_whole(folder)
    return int(newest.name) if newest else 0


def _is_writing(folder: Path) -> bool:
    """Tell whether a checkpoint was begun and not finished."""
    begun = folder.glob("checkpoints/*")
    return any(not (path / "checksums.json").exists() for path in begun)
