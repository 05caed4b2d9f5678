"""How genjax names, reads and writes files: every path, every JSON file, and the cache folder."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax
import numpy as np

from genjax.errors import FileError, UserError

_SEAL = "checksum"  # the key of a JSON object that holds the checksum of all others
_DIGITS = re.compile("[0-9a-f]{16}")  # of the checksum
_LONGEST_NAME = 255  # bytes, of a file or folder
_TEMPORARY = re.compile(r"\..+\.(\d+)")  # the name of a file that is being written, and by whom


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
        resolved = Path(text).expanduser().absolute()
        if any(len(os.fsencode(name)) > _LONGEST_NAME for name in resolved.parts):
            raise UserError(f"{text[:200]} cannot be a path: a name in it is too long.")
        return resolved
    except TypeError:
        shown = repr(str(path) if isinstance(path, Path) else path)
        raise UserError(f"{shown} is not a path: give the name of a file or folder.") from None
    except RuntimeError:
        raise UserError(f"{path}: there is no such home folder. Give the path in full.") from None


def check_file(path: Path) -> None:
    """Raise `UserError` where `path` is a folder, or a device or pipe, which may have no end."""
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a device or a pipe"
            raise UserError(f"{path} is {kind}, and no file.")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


_NOWHERE = Path(os.devnull) / "genjax"  # nothing can be read or written there


def cache_folder() -> Path:
    """Return `$GENJAX_CACHE_DIR`, or `genjax` in the user's cache folder.

    Without a home folder, return a path at which nothing can be read or written.
    """
    if chosen := os.environ.get("GENJAX_CACHE_DIR"):
        return resolve_path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "genjax"
    except RuntimeError:
        return _NOWHERE


def enable_compilation_cache() -> None:
    """Keep compiled programs between processes, unless the user has set a place for them."""
    folder = cache_folder()
    if folder != _NOWHERE and jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def software() -> dict[str, str]:
    """Return the versions of the software that computes, for the record of a result."""
    return {"jax": jax.__version__, "backend": jax.default_backend()}


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn the system's error of writing `path` into a `FileError` of one sentence."""
    try:
        yield
    except OSError as error:
        is_of_network = error.errno is None or isinstance(error, ConnectionError | TimeoutError)
        if is_of_network or isinstance(error, FileError):
            raise
        raise FileError(f"{path} cannot be written: {error.strerror or error}.") from None


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace the content of `path` with what `write` writes: whole or not at all.

    A link stays one, and its target is replaced; a device or pipe is written to as it is.

    Raises:
        FileError: where it cannot be written.
    """
    with explain_write_errors(path):
        path = Path(os.path.realpath(path))
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                write(file)
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """Return the sha256 over a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_temporaries(folder: Path) -> None:
    """Remove what processes that were killed left of `replace_file` in `folder`."""
    for path in folder.glob(".*"):
        match = _TEMPORARY.fullmatch(path.name)
        if match and path.is_file() and not _is_alive(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return process != os.getpid()


def to_jsonable(value: Any, name: str = "value") -> Any:
    """Return `value` as JSON can hold it: numpy's numbers as Python's, arrays and tuples as lists.

    A number that is not finite becomes null.

    Raises:
        UserError: where a part, named after `name`, is none of these.

    >>> to_jsonable({"loss": np.float32(0.5), "best": float("nan")})
    {'loss': 0.5, 'best': None}
    """
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        value = np.asarray(value).tolist()
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item, name) for item in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    raise UserError(
        f"{name} is {value!r}, which cannot be written to a JSON file: give numbers, texts, or"
        " tuples of them."
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace `path` with a JSON object. Raises `FileError` where it cannot be written."""
    content = json.dumps(to_jsonable(value, path.name), indent=2, allow_nan=False) + "\n"
    replace_file(path, lambda file: file.write(content.encode()))


def seal(value: Mapping[str, Any], name: str = "value") -> dict[str, Any]:
    """Return a JSON object with the checksum of its content in it, by which damage is found.

    >>> unseal(seal({"loss": 0.5}))
    {'loss': 0.5}
    """
    content = to_jsonable(value, name)
    return content | {_SEAL: _compute_seal(content)}


def unseal(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object without its checksum, if it has one.

    Raises:
        ValueError: where the content is another than the one that was sealed.
    """
    content = {name: item for name, item in value.items() if name != _SEAL}
    last = ([*value.values()] or [None])[-1]  # where the checksum is, if only its key is damaged
    is_sealed = _SEAL in value or (isinstance(last, str) and _DIGITS.fullmatch(last))
    if is_sealed and value.get(_SEAL) != _compute_seal(content):
        raise ValueError(
            "it is damaged, or was changed by hand: its checksum does not fit. Restore it, or, if"
            f' the change is meant, remove "{_SEAL}" from it.'
        )
    return content


def _compute_seal(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, without its checksum where it is sealed (`seal`).

    Raises:
        UserError: where the file is missing, holds no object, or does not fit its checksum.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
        return unseal(value)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: {path.parent} is not a run's folder.") from None
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
