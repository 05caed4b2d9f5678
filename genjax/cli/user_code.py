"""A user's own modules and files: imported where the command names them, and never otherwise."""

import functools
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from genjax.cli.listing import describe_unknown
from genjax.errors import UserError
from genjax.model import find_models
from genjax.recipes import RECIPES, Recipe
from genjax.runs.files import resolve_path


def import_code(name: str) -> ModuleType:
    """Import a module by its name, such as "my_package.models", or a file, such as "my_models.py".

    The current folder is searched too. Raises `UserError`, with the line that failed, where it
    cannot be imported.
    """
    folder, module = Path().absolute(), name
    if name.endswith(".py"):
        path = resolve_path(name)
        if not path.is_file():
            raise UserError(f"there is no file {name} to import.")
        folder, module = path.parent, path.stem
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise UserError(f"{name} cannot be imported: {_describe(error, module)}") from error


def _describe(error: Exception, module: str) -> str:
    """Say what went wrong in a module, and in which line of which file."""
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
        return f"there is no module {error.name!r} here or among the installed packages."
    said = f"{type(error).__name__}: {error}"
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame)]
    return f"{lines[-1].filename}, line {lines[-1].lineno}: {said}" if lines else said


def _is_users(frame: traceback.FrameSummary) -> bool:
    return (
        not frame.filename.startswith("<")
        and Path(frame.filename) != Path(__file__)
        and ("importlib" not in frame.filename)
    )


def find_function(name: str) -> Callable[..., Any]:
    """Return the function "my_file.py:function" or "my_package.module:function".

    An error within it becomes a `UserError` that names its line. Raises `UserError` where there is
    no such function.
    """
    source, _, wanted = name.rpartition(":")
    if not source or not wanted:
        raise UserError(f"{name!r} is no function: give my_file.py:function or module:function.")
    function = getattr(import_code(source), wanted, None)
    if not callable(function):
        raise UserError(f"{source} has no function {wanted!r}.")

    @functools.wraps(function)
    def explained(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            raise UserError(f"{name} failed: {_describe(error, source)}") from error

    return explained


def names_recipe(name: str) -> bool:
    """Tell whether a name is that of a recipe, in the table, in a file, or in a package."""
    if _is_code(name) or name in RECIPES:
        return True
    find_models()  # which imports the packages that offer models and recipes
    return name in RECIPES


def _is_code(name: str) -> bool:
    return ":" in name or name.endswith(".py")


def find_recipe(name: str) -> tuple[str, Recipe]:
    """Return a recipe and its name: one of the table, or "my_file.py:recipe", or "my_file.py".

    A file alone must hold one recipe. Raises `UserError` where there is no such recipe.
    """
    if _is_code(name):
        source, _, wanted = name.rpartition(":") if ":" in name else (name, "", "")
        return _choose(source, wanted, _find_in(source))
    if not names_recipe(name):
        raise UserError(describe_unknown(name, RECIPES))
    return name, RECIPES[name]


def _find_in(source: str) -> dict[str, Recipe]:
    """Return the recipes of a module or a file: those that it names, and those it registers."""
    before = set(RECIPES)
    module = import_code(source)
    named = {name: value for name, value in vars(module).items() if isinstance(value, Recipe)}
    registered = {name: recipe for name, recipe in RECIPES.items() if name not in before}
    ours = [*registered.values()]
    return registered | {name: recipe for name, recipe in named.items() if recipe not in ours}


def _choose(source: str, wanted: str, found: dict[str, Recipe]) -> tuple[str, Recipe]:
    if wanted in found:
        return (Path(source).stem if wanted == "recipe" else wanted), found[wanted]
    if not wanted and len(found) == 1:
        ((name, recipe),) = found.items()
        return (Path(source).stem if name == "recipe" else name), recipe
    which = f"no recipe {wanted!r}" if wanted else f"{len(found)} recipes"
    names = ", ".join(f"{source}:{name}" for name in found) or "none"
    raise UserError(f"{source} has {which}. It has: {names}.")
