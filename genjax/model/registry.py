"""The models by name, and their specifications as JSON."""

import dataclasses
import importlib
import importlib.metadata
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from genjax.errors import UserError
from genjax.model.base import Model, registered_name
from genjax.model.help_text import compose_help

MODELS: dict[str, type[Model]] = {}
_BROKEN: set[str] = set()  # modules of installed packages that cannot be imported
ModelClass = TypeVar("ModelClass", bound=Model)


def find_models() -> dict[str, type[Model]]:
    """Return the table of models, with those of genjax and of installed packages in it.

    A package offers models by an entry point of the group "genjax.models", whose value is the
    module that registers them. One that cannot be imported is left out, with a warning.
    """
    importlib.import_module("genjax.models")
    for entry in importlib.metadata.entry_points(group="genjax.models"):
        if entry.module in _BROKEN:
            continue
        try:
            importlib.import_module(entry.module)
        except Exception as error:
            _BROKEN.add(entry.module)
            warnings.warn(
                f"the models in {entry.module}, which an installed package offers, cannot be"
                f" imported ({type(error).__name__}: {error}). Mend or uninstall the package.",
                stacklevel=2,
            )
    return MODELS


def register(name: str) -> Callable[[type[ModelClass]], type[ModelClass]]:
    """Register a model's class under `name` for configurations, files and tests: a decorator.

    `help` of the class then also shows the equations of its module and the fields of its bases.

    The same class may be registered again, as when a notebook's cell runs twice or a module is
    reloaded. Raises `ValueError` where another class has the name.
    """

    def add(cls: type[ModelClass]) -> type[ModelClass]:
        known = MODELS.get(name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"a model named {name!r} is registered already: {known}")
        MODELS[name] = cls
        if not vars(cls).get("_registered_name"):
            cls.__doc__ = compose_help(cls)
        cls._registered_name = name
        return cls

    return add


def to_json(model: Model) -> dict[str, Any]:
    """Return the model as a JSON object: its registered `name` and every field.

    A model from outside genjax also records its `module`, so that an error can say what to import.
    """
    module = type(model).__module__
    outside = {} if module.startswith("genjax.") else {"module": module}
    return {"name": registered_name(model), **outside, **dataclasses.asdict(model)}


def from_json(spec: Mapping[str, Any]) -> Model:
    """Return the model that `to_json` wrote. Raises `UserError` on an unknown name or field."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise UserError(f"{spec!r} is not the specification of a model.")
    name, module = spec["name"], spec.get("module")
    cls = MODELS.get(name) or find_models().get(name)
    if cls is None:
        remedy = f" Import {module}, which defines it." if module else ""
        raise UserError(f"no model is named {name!r}; there are: {sorted(MODELS)}.{remedy}")
    fields = {field: value for field, value in spec.items() if field not in ("name", "module")}
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(fields.keys() - known):
        raise UserError(
            f"{name} has no field {', '.join(unknown)}; its fields are: {sorted(known)}"
        )
    return cls(**fields)
