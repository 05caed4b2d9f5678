"""Does genjax install from its package, and work there? `make check-install`.

Builds the sdist and the wheel, has twine check both, and installs the wheel into empty
environments: every Python with the newest releases of what genjax depends on, and the first Python
with the oldest that pyproject.toml allows of jax, flax, optax and orbax-checkpoint. In each it
trains, samples and runs some of the fast tests, away from the checkout.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genjax.cli.command import parse, run
from genjax.errors import UserError

_ROOT = Path(__file__).parent.parent
_PINNED = ("jax", "flax", "optax", "orbax-checkpoint")
_TESTS = ("test_losses.py", "test_distributions.py", "test_model.py", "models/test_vae_gan.py")
_TRAIN = ("train", "vae-mnist", "--num-train", "500", "--epochs", "1", "--measure", "none")


@dataclass(frozen=True)
class Options:
    """Which environments genjax is installed into."""

    pythons: tuple[str, ...] = ("python3.11", "python3.12", "python3.13")
    """The interpreters, by name or path."""
    oldest: bool = True
    """Install into the first interpreter a second time, with the oldest dependencies."""


def main() -> None:
    options = parse(Options, sys.argv[1:], "python -m experiments.check_install")
    sys.exit(run(lambda: check_all(options), options))


def check_all(options: Options) -> None:
    """Build the package, and check it in every environment.

    Raises `UserError` where an interpreter is missing, or a step fails.
    """
    missing = [name for name in options.pythons if not shutil.which(name)]
    if missing or not options.pythons:
        raise UserError(f"no {' or '.join(missing) or 'interpreter'}: name others with --pythons.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wheel = build(folder / "dist")
        newest = [(python, ()) for python in options.pythons]
        oldest = [(options.pythons[0], find_oldest(read_dependencies()))] if options.oldest else []
        for number, (python, pins) in enumerate((*newest, *oldest)):
            check_environment(folder / str(number), python, wheel, pins)


def build(folder: Path) -> Path:
    """Build sdist and wheel into `folder`, have twine check both, and return the wheel."""
    tools = _make_environment(folder.parent / "tools", sys.executable)
    _call(tools, "pip", "install", "--quiet", "build", "twine")
    _call(tools, "build", "--outdir", str(folder), str(_ROOT))
    _call(tools, "twine", "check", "--strict", *map(str, folder.iterdir()))
    return next(folder.glob("*.whl"))


def read_dependencies() -> list[str]:
    """Return the dependencies of genjax, as pyproject.toml states them."""
    return tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def find_oldest(dependencies: Sequence[str]) -> tuple[str, ...]:
    """Pin the packages on which genjax depends most to the oldest releases that it allows.

    >>> find_oldest(["jax>=0.7", "flax>=0.11", "pillow>=10"])
    ('jax==0.7', 'flax==0.11')
    """
    bounds: Mapping[str, str] = dict(d.split(">=", 1) for d in dependencies if ">=" in d)
    return tuple(f"{name}=={bounds[name].split(';')[0]}" for name in _PINNED if name in bounds)


def check_environment(folder: Path, python: str, wheel: Path, pins: Sequence[str]) -> None:
    """Install the wheel, with what is pinned, into a new environment, and use it there."""
    print(f"{python}, {', '.join(pins) or 'newest releases'}", flush=True)
    own = _make_environment(folder / "venv", python)
    tools = ("pytest", "hypothesis", "beartype")
    _call(own, "pip", "install", "--quiet", str(wheel), *pins, *tools)
    shutil.copytree(_ROOT / "tests", folder / "tests")
    shutil.copy(_ROOT / "pyproject.toml", folder)  # the settings of pytest
    _call(own, "genjax", *_TRAIN, "--out", str(folder / "run"), cwd=folder)
    _call(own, "genjax", "sample", str(folder / "run"), cwd=folder)
    settings = ("-m", "not slow", "-o", "filterwarnings=default")  # other releases may warn
    _call(own, "pytest", *settings, *(f"tests/{name}" for name in _TESTS), cwd=folder)


def _make_environment(folder: Path, python: str) -> Path:
    subprocess.run([python, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def _call(python: Path, *arguments: str, cwd: Path | None = None) -> None:
    done = subprocess.run([python, "-m", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise UserError(f"python -m {' '.join(arguments)} failed:\n{said}")


if __name__ == "__main__":
    main()
