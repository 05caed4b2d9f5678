"""What all commands share: how they read options, and how they end."""

import contextlib
import dataclasses
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tyro

from genjax.cli.interrupt import STOPPED, interruptible
from genjax.cli.phrasing import CALLED_AS, option_names, phrase, write_for_make

_LARGEST = 2**32 - 1  # whole number that an option takes

OptionsType = TypeVar("OptionsType")


def parse(
    options: type[OptionsType],
    arguments: list[str],
    command: str,
    default: OptionsType | None = None,
) -> OptionsType:
    """Read the options of `command`, such as "genjax train vae-mnist".

    Raises `SystemExit` after `--help`, and with 2 after printing what is wrong.
    """
    called_as = os.environ.get(CALLED_AS, "")
    out, err = (_Captured(), _Captured()) if called_as else (sys.stdout, sys.stderr)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            read = _read(options, arguments, called_as or command, default)
    finally:
        if isinstance(out, _Captured) and isinstance(err, _Captured):
            sys.stdout.write(write_for_make(out.getvalue(), called_as))
            sys.stderr.write(write_for_make(err.getvalue(), called_as))
    _refuse_huge_numbers(read)
    return read


def _read(
    options: type[OptionsType], arguments: list[str], prog: str, default: OptionsType | None
) -> OptionsType:
    given: dict[str, Any] = {} if default is None else {"default": default}
    return tyro.cli(options, args=arguments, prog=prog, config=(tyro.conf.DisallowNone,), **given)


def _refuse_huge_numbers(options: Any) -> None:
    """End the process with 2 where a whole number cannot be a number of things."""
    for name, value in _list_values(options):
        if isinstance(value, int) and abs(value) > _LARGEST:
            bound = f"at most {_LARGEST}" if value > 0 else f"at least -{_LARGEST}"
            said = f"{option_names(options)[name]} is {value}, but must be {bound}."
            print(f"error: {said}", file=sys.stderr)
            raise SystemExit(2)


def _list_values(options: Any) -> Iterator[tuple[str, Any]]:
    """List every value with the name of its field, those of groups and of tuples too."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            yield from _list_values(value)
        else:
            yield from ((field.name, v) for v in (value if isinstance(value, tuple) else (value,)))


class _Captured(io.StringIO):
    encoding = "utf-8"  # which tyro draws its boxes for

    def isatty(self) -> bool:
        return sys.__stdout__ is not None and sys.__stdout__.isatty()


def run(
    work: Callable[[], object],
    options: Any = None,
    stopped: str = "stopped.",
    if_stopped: int = STOPPED,
    leave: Callable[[int, BaseException], int] = lambda code, error: code,
) -> int:
    """Do the work of a command; return its exit code.

    An error of the user's, a file that cannot be read or written, and too little memory end it with
    one sentence and 1, Ctrl-C with `stopped` and `if_stopped`. A warning is said once.

    Args:
        options: those that the command read, by which messages are phrased.
        leave: called with the exit code and the error before the command ends.
    """
    with _say_warnings_once(options), interruptible():
        try:
            work()
        except Exception as error:
            sentence = _explain(error)
            if not sentence:
                raise
            print(f"error: {phrase(sentence, options)}", file=sys.stderr)
            return leave(1, error)
        except KeyboardInterrupt as error:
            print(f"\n{stopped}", file=sys.stderr)
            return leave(if_stopped, error)
    return 0


def _explain(error: Exception) -> str:
    """Return the sentence for an error that is no fault of the program; "" for any other."""
    from genjax.errors import UserError  # here, since it imports jax, which `list` does without

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        first = str(error).partition("\n")[0]
        return f"there is too little memory for a model, images or a batch of this size. ({first})"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return ""


@contextlib.contextmanager
def _say_warnings_once(options: Any) -> Iterator[None]:
    said: set[str] = set()

    def say(message: Warning | str, *rest: Any, **more: Any) -> None:
        text = phrase(str(message), options)
        if text not in said:
            said.add(text)
            print(f"warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield
