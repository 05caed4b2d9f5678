"""Say a message of the library as the command was called.

A message names an argument as Python does: `out=`, `overwrite=True`, "seeds is 0". The user of a
command reads `--out`, `--overwrite`, "--seeds is 0", and "make train-NAME" instead of "genjax train
NAME" where make called the command.
"""

import dataclasses
import os
import re
from typing import Any

CALLED_AS = "GENJAX_CALLED_AS"  # set by the Makefile, such as "make train-vae-mnist"
_PREFIXED = ("model", "optimizer")  # groups whose options carry the group's name
# a field of several words within a sentence, such as "leave beta_weighs out"; not in paths and code
_NAME = (
    r"(?<![\w./'\"-])(?<!\w\()(?:(?:model|optimizer|training)\.)?(?P<name>[a-z]+(?:_[a-z\d]+)+)"
    r"(?![\w/(='\"-]|\.\w)"
)
_MAKE_TARGETS = "train|compare|app|explore|train-classifier"


def write_for_make(text: str, called_as: str) -> str:
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
    message = re.sub(_NAME, lambda match: names.get(match["name"], match[0]), message)
    message = re.sub(r"\bImport ([\w.]+), which", r"Give --import \1, which", message)
    message = re.sub(r"\S{300,}", lambda match: f"{match[0][:100]}...", message)
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
