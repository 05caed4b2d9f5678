"""Train on disks that are too small, and in folders that cannot be written.

full disk  A tmpfs, or where none can be mounted, a limit on the size of files (RLIMIT_FSIZE). A run
           must end in an error that names a file, and with more room in the same bits as ever.
read-only  A read-only mount for root, permissions for other users. An unfinished run must load and
           be refused. Later it must end in the same bits as ever.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.torture.tiny_runs import CASES, TRAINED, Lost, Runs, catch_error, check_same, train
from genjax.errors import UserError
from genjax.runs.progress import progress

_ROOM = 2**20  # kibibytes, more than a run needs


def fill_disks(root: Path, runs: Runs, disks: int) -> Counter[str]:
    """Train on disks that are too small, then with more room, and count."""
    counts = Counter[str]()
    for number in progress(range(disks), desc="full disks", unit=" disks"):
        name = CASES[number % 2][0]
        needed = _count_kibibytes(runs[name, False].folder)
        with _mount_disk(root / "disk") as resize:
            folder = root / "disk" / "run"
            resize(4 + 3 * needed * number // disks)
            _, error, _ = catch_error(lambda: train(name, folder))  # noqa: B023
            if error and str(root / "disk") not in error:
                raise Lost(f"a full disk leads to an error that names no file: {error}")
            counts["full disks"] += bool(error)
            resize(_ROOM)
            with warnings.catch_warnings():  # that metrics are there, but no checkpoint
                warnings.simplefilter("ignore")
                train(name, folder)
            check_same(folder, runs[name, False])
    return counts


def _count_kibibytes(folder: Path) -> int:
    """Return how much a run takes while it trains, in pages of 4 KiB."""
    files = [path for path in folder.rglob("*") if path.parent.name not in ("figures", "progress")]
    return sum(4 * -(-path.stat().st_size // 4096) for path in files)


@contextlib.contextmanager
def _mount_disk(folder: Path) -> Iterator[Callable[[int], None]]:
    """Give a disk whose size, in kibibytes, can be changed; or limit the size of every file."""
    folder.mkdir()
    if _call("mount", "-t", "tmpfs", "-o", f"size={_ROOM}k", "tmpfs", str(folder)):
        try:
            yield lambda size: _need("mount", "-o", f"remount,size={size}k", str(folder))
        finally:
            _need("umount", str(folder))
    else:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size * 2**10, hard))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    shutil.rmtree(folder)


def forbid_writing(root: Path, runs: Runs) -> Counter[str]:
    """Resume runs whose folder cannot be written, and count."""
    counts = Counter[str]()
    for name, unfinished in CASES[2:]:
        folder, before = root / "read-only", runs[name, unfinished]
        shutil.copytree(before.folder, folder)
        with _make_read_only(folder) as forbidden:
            if not forbidden:
                counts["read-only folders (left out: no right to mount)"] = 0
                continue
            if TRAINED["weights"](folder) != before.parts["weights"]:
                raise Lost(f"{folder} is read-only, and gives other weights.")
            _, error, _ = catch_error(lambda: train(name, folder))  # noqa: B023
            if str(folder) not in error:
                raise Lost(f"a read-only folder leads to an error that does not name it: {error}")
            counts["read-only folders"] += 1
        train(name, folder)
        check_same(folder, runs[name, False])
        shutil.rmtree(folder)
    return counts


@contextlib.contextmanager
def _make_read_only(folder: Path) -> Iterator[bool]:
    """Make a folder read-only: for root by a mount. Tells whether that was possible."""
    if os.getuid():
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        yield True
        for path in folders:
            path.chmod(0o755)
    elif _call("mount", "--bind", str(folder), str(folder)):
        _need("mount", "-o", "remount,ro,bind", str(folder))
        yield True
        _need("umount", str(folder))
    else:
        yield False


def _call(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _need(*command: str) -> None:
    if not _call(*command):
        raise UserError(f"{' '.join(command)} has failed.")
