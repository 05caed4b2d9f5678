"""The text that `help` shows of a registered model: what it does, its equations, every field."""

import dataclasses
import inspect
import re
import sys
import textwrap

_EQUATION = re.compile(r"^\(\d+\) ", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): .*(?:\n {8,}\S.*)*", re.MULTILINE)
_HEADING = "Attributes:\n"


def compose_help(cls: type) -> str:
    """Return the docstring of a model's class with its equations, and with the fields of its bases.

    The equations are those of the docstring of its module, and of the modules of those bases that
    are no models themselves. The text of a field is that of the class, or else of the nearest base.
    """
    text = inspect.cleandoc(cls.__doc__ or "").partition(_HEADING)[0].rstrip()
    parts = [text, *_list_equations(cls)]
    known = describe_fields(cls)
    if fields := [known[f.name] for f in dataclasses.fields(cls) if f.name in known]:
        parts.append(_HEADING + "\n".join(fields))
    return "\n\n".join(parts) + "\n"


def _list_equations(cls: type) -> list[str]:
    own = [base for base in cls.__mro__ if base is cls or not _is_registered(base)]
    found = []
    for name in dict.fromkeys(base.__module__ for base in own):
        text = getattr(sys.modules.get(name), "__doc__", None) or ""
        if _EQUATION.search(text):
            found.append(f"Equations of {name}\n\n" + textwrap.indent(text.strip(), " " * 4))
    return found


def _is_registered(cls: type) -> bool:
    return bool(vars(cls).get("_registered_name"))


def describe_fields(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say about each field, by its name.

    Each text begins with the name.
    """
    fields: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        section = inspect.cleandoc(base.__doc__ or "").partition(_HEADING)[2]
        fields |= {match[1]: match[0] for match in _ATTRIBUTE.finditer(section)}
    return fields
