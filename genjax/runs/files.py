"""How genjax writes files: whole or not at all; and where it keeps what it can make again."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax

from genjax.errors import UserError


def resolve_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` as an absolute path, with `~` replaced by the home folder.

    Every path that a user gives enters here.

    Raises:
        UserError: where it is empty or no path, or where there is no such home folder.

    >>> resolve_path("/runs/vae").name
    'vae'
    """
    try:
        text = os.fspath(path)
        if not isinstance(text, str) or not text.strip() or "\0" in text:
            raise TypeError
        return Path(text).expanduser().absolute()
    except TypeError:
        raise UserError(f"{path!r} is not a path: give the name of a file or folder.") from None
    except RuntimeError:
        raise UserError(f"{path}: there is no such home folder. Give the path in full.") from None


_NOWHERE = Path(os.devnull) / "genjax"  # nothing can be read or written there


def cache_folder() -> Path:
    """`$GENJAX_CACHE_DIR`, or `genjax` in the user's cache folder."""
    if chosen := os.environ.get("GENJAX_CACHE_DIR"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "genjax"


def enable_compilation_cache() -> None:
    """Keep compiled programs between processes, unless the user has set a place for them."""
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def software() -> dict[str, str]:
    """What computed a result, for its record."""
    return {"jax": jax.__version__, "backend": jax.default_backend()}


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Puts what `write` writes in the place of `path`: whole or not at all, whenever we die."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    replace_file(path, lambda file: file.write((json.dumps(value, indent=2) + "\n").encode()))


def read_json(path: Path) -> dict[str, Any]:
    """Raises `UserError` where the file is missing or not JSON."""
    try:
        value = json.loads(path.read_text())
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
        return value
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: {path.parent} is not a run's folder.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
