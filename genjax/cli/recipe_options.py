"""The options of a recipe: one for each of its fields, of the field's type, in groups.

The first group holds what people change most. The fields of the model and of the optimizer have
groups of their own, whose options carry the group's name, such as --model.latent-dim. The texts are
those of the fields' docstrings.
"""

import ast
import dataclasses
import inspect
import itertools
import textwrap
import typing
from typing import Annotated, Any, Literal

import docstring_parser
import tyro

from genjax.errors import OneOf
from genjax.recipes import Recipe
from genjax.training.optimizers import CustomOptimizer

# group -> its text, and the fields of a recipe and of its training in it; others stand on top
_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "data": ("How the data are read.", ("image_size", "stream", "mirrored")),
    "training": (
        "More on the training.",
        ("epoch_steps", "learning_rate_factors", "ema_decay", "ema_schedule", "num_validation"),
    ),
    "measuring": (
        "What is measured once the model is trained; the defaults are those of --measure quick.",
        ("num_samples", "num_images", "num_generated", "num_components", "density"),
    ),
}
_GROUP_OF = {name: group for group, (_, names) in _GROUPS.items() for name in names}
_PARTS = ("model", "training", "optimizer")
_Field = tuple[str, Any, Any]  # name, annotated type, default value


def make_options(recipe: Recipe, more: Any, description: str) -> Any:
    """Make a dataclass of the options of a recipe, and of the dataclass `more`.

    Their defaults are the values of the two; `description` stands above them in the help.
    """
    fields = [*_list_fields(recipe), *_list_fields(recipe.training), *_list_fields(more)]
    top = [f for f in fields if f[0] not in _GROUP_OF and not dataclasses.is_dataclass(f[2])]
    groups = []
    for name, spec in _named_groups(recipe):
        about = inspect.cleandoc(type(spec).__doc__ or "").partition("\n\n")[0]
        group = _make_dataclass(about, _list_fields(spec))
        groups.append((name, group, group()))
    for name, (text, _) in _GROUPS.items():
        group = _make_dataclass(text, [f for f in fields if _GROUP_OF.get(f[0]) == name])
        groups.append((name, tyro.conf.OmitArgPrefixes[group], group()))  # type: ignore[valid-type, misc]
    groups += [f for f in fields if dataclasses.is_dataclass(f[2])]
    return _make_dataclass(description, [*top, *groups])


def apply_options(recipe: Recipe, options: Any) -> Recipe:
    """Return the recipe with the values of the options."""
    values = _flatten(options)
    for name, spec in _named_groups(recipe):
        values[name] = _replace_fields(spec, vars(values[name]))
    training = _replace_fields(recipe.training, values)
    return _replace_fields(recipe, values | {"training": training})


def _named_groups(recipe: Recipe) -> list[tuple[str, Any]]:
    """Return the parts of a recipe whose options carry the part's name.

    An optimizer of one's own is a function, which has no options.
    """
    parts = [("model", recipe.model), ("optimizer", recipe.training.optimizer)]
    return [
        (name, part)
        for name, part in parts
        if dataclasses.is_dataclass(part) and not isinstance(part, CustomOptimizer)
    ]


def _replace_fields(spec: Any, values: dict[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(spec)} & values.keys()
    return dataclasses.replace(spec, **{name: values[name] for name in known})


def _flatten(options: Any) -> dict[str, Any]:
    """Return the values of the options by name, those of groups without a name of their own too."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        values |= _flatten(value) if field.name in _GROUPS else {field.name: value}
    return values


def _list_fields(spec: Any) -> list[_Field]:
    kinds = typing.get_type_hints(type(spec), include_extras=True)
    texts = field_texts(type(spec))
    return [
        (name, Annotated[_name_choices(kinds[name]), tyro.conf.arg(help=texts.get(name))], value)
        for name, value in ((f.name, getattr(spec, f.name)) for f in dataclasses.fields(spec))
        if name not in _PARTS and tyro.conf.Suppress not in getattr(kinds[name], "__metadata__", ())
    ]


def _name_choices(kind: Any) -> Any:
    """Return the type that lists the names of a registry, for a field that holds one of them."""
    for extra in getattr(kind, "__metadata__", ()):
        if isinstance(extra, OneOf):
            return Literal[tuple(extra.registry)]  # type: ignore[valid-type]
    return kind


def _make_dataclass(text: str, fields: list[_Field]) -> Any:
    made = [(name, kind, dataclasses.field(default=value)) for name, kind, value in fields]
    cls = dataclasses.make_dataclass("Options", made, frozen=True)
    cls.__doc__ = text
    return cls


def field_texts(cls: type) -> dict[str, str]:
    """Return what the docstrings of a dataclass and its bases say about each field.

    >>> @dataclasses.dataclass
    ... class Training:
    ...     '''The budget.
    ...
    ...     Attributes:
    ...         epochs: passes over the data.
    ...     '''
    ...     epochs: int = 10
    >>> field_texts(Training)
    {'epochs': 'passes over the data.'}
    """
    texts: dict[str, str] = {}
    for owner in reversed(cls.__mro__[:-1]):
        described = docstring_parser.parse(owner.__doc__ or "").params
        texts |= {param.arg_name: param.description or "" for param in described}
        with_source = _read_body(owner)
        for field, text in itertools.pairwise(with_source):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                texts[ast.unparse(field.target)] = ast.literal_eval(text.value)
    return {name: " ".join(text.split()) for name, text in texts.items()}


def _read_body(cls: type) -> list[ast.stmt]:
    """Return the statements of a class; none where its source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return []
    return tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
