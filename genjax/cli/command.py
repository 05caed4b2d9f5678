"""What all commands share: how they read options, how they speak, and how they end.

A message of the library names an argument as Python does: `out=`, `overwrite=True`, "seeds is 0".
The user of a command gets it as he called the command: `--out`, `--overwrite`, "--seeds is 0", and
"make train-NAME" instead of "genjax train NAME" where make called it.
"""

import contextlib
import dataclasses
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tyro

from genjax.cli.interrupt import STOPPED, interruptible

CALLED_AS = "GENJAX_CALLED_AS"  # set by the Makefile, such as "make train-vae-mnist"
_PREFIXED = ("model", "optimizer")  # groups whose options carry the group's name
_MAKE_TARGETS = "train|compare|app|explore|train-classifier"

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
    if not called_as:
        return _read(options, arguments, command, default)
    out, err = _Captured(), _Captured()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return _read(options, arguments, called_as, default)
    finally:
        sys.stdout.write(_for_make(out.getvalue(), called_as))
        sys.stderr.write(_for_make(err.getvalue(), called_as))


def _read(
    options: type[OptionsType], arguments: list[str], prog: str, default: OptionsType | None
) -> OptionsType:
    given: dict[str, Any] = {} if default is None else {"default": default}
    return tyro.cli(options, args=arguments, prog=prog, config=(tyro.conf.DisallowNone,), **given)


class _Captured(io.StringIO):
    encoding = "utf-8"  # which tyro draws its boxes for

    def isatty(self) -> bool:
        return sys.__stdout__ is not None and sys.__stdout__.isatty()


def _for_make(text: str, called_as: str) -> str:
    """Write the options of a command line as make takes them."""
    text = re.sub(rf"(usage: {called_as}) (.*)", r'\1 ARGS="\2"', text)
    return text.replace(f"{called_as} --help", f'{called_as} ARGS="--help"')


def phrase(message: str, options: Any = None) -> str:
    """Say a message of the library in the words of the command line.

    >>> @dataclasses.dataclass
    ... class Options:
    ...     num_train: int = 0
    >>> phrase("num_train is -1: leave out num_train=.", Options())
    '--num-train is -1: leave out --num-train.'
    """
    names = option_names(options) if dataclasses.is_dataclass(options) else {}

    def with_value(match: re.Match) -> str:
        option, value = names.get(match["name"]), match["value"]
        if option is None:
            return match[0]
        if value == "False":
            return re.sub(r"^--(\w+\.)?", r"--\1no-", option)
        return option if value in ("", "True", "...") else f"{option} {value}"

    message = re.sub(r"`?\b(?P<name>\w+)=(?P<value>[\w.-]*[\w-]|)`?", with_value, message)
    message = re.sub(
        r"^(?:\w+: )?(?:\w+\.)?(?P<name>\w+)(?= is )",
        lambda match: names.get(match["name"], match[0]),
        message,
    )
    message = re.sub(r"\bImport ([\w.]+), which", r"Give --import \1, which", message)
    if os.environ.get(CALLED_AS):
        message = re.sub(rf"\bgenjax ({_MAKE_TARGETS}) ([\w-]+)", r"make \1-\2", message)
    return message


def option_names(options: Any, prefix: str = "") -> dict[str, str]:
    """Return the option of every field of `options` and of the groups in it, by the field's name.

    >>> @dataclasses.dataclass
    ... class Options:
    ...     num_train: int = 0
    >>> option_names(Options())
    {'num_train': '--num-train'}
    """
    names: dict[str, str] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            inner = f"{field.name}." if field.name in _PREFIXED else ""
            names = option_names(value, inner) | names
        else:
            names[field.name] = f"--{prefix}{field.name.replace('_', '-')}"
    return names


def check_count(options: Any, name: str, least: int, most: float = float("inf")) -> None:
    """Raise `UserError` where an option that is a whole number is out of bounds."""
    from genjax.errors import UserError

    value = getattr(options, name)
    if not least <= value <= most:
        bounds = f"at least {least}" + ("" if most == float("inf") else f", at most {most}")
        raise UserError(f"{name} is {value}, but must be {bounds}.")


def run(
    work: Callable[[], object],
    options: Any = None,
    stopped: str = "stopped.",
    if_stopped: int = STOPPED,
    leave: Callable[[int, BaseException], int] = lambda code, error: code,
) -> int:
    """Do the work of a command; return its exit code.

    An error of the user's ends it with one sentence and 1, Ctrl-C with `stopped` and `if_stopped`.
    A warning is said once.

    Args:
        options: those that the command read, by which messages are phrased.
        leave: called with the exit code and the error before the command ends.
    """
    from genjax.errors import UserError

    with _say_warnings_once(options), interruptible():
        try:
            work()
        except UserError as error:
            print(f"error: {phrase(str(error), options)}", file=sys.stderr)
            return leave(1, error)
        except KeyboardInterrupt as error:
            print(f"\n{stopped}", file=sys.stderr)
            return leave(if_stopped, error)
    return 0


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
