"""`genjax completion SHELL`: print a script that completes commands, recipes and options."""

import contextlib
import dataclasses
import functools
import importlib
import operator
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import tyro

from genjax.cli.command import parse
from genjax.cli.main import COMMANDS


@dataclasses.dataclass(frozen=True)
class Options:
    """Print a script that completes commands, recipes and options.

    Write it where the shell looks for it, and open a new shell:

    bash: genjax completion bash > ~/.local/share/bash-completion/completions/genjax

    zsh: genjax completion zsh > "${fpath[1]}/_genjax"

    fish: genjax completion fish > ~/.config/fish/completions/genjax.fish
    """

    shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]
    """The shell."""


def main(arguments: list[str]) -> int:
    shell = parse(Options, arguments, "genjax completion").shell
    commands = _join({name: _find_options(name) for name in COMMANDS})
    with contextlib.suppress(SystemExit):  # tyro leaves once it has printed
        tyro.cli(
            commands,
            args=["--tyro-print-completion", shell],
            prog="genjax",
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
    return 0


def _find_options(command: str) -> Any:
    """Return the type of a command's options; before those of train stands a recipe's name."""
    module = importlib.import_module(f"genjax.cli.{command.replace('-', '_')}")
    if command == "train":
        from genjax.cli.recipe_options import make_options
        from genjax.recipes import RECIPES

        recipes = {name: make_options(r, module.Options(), name) for name, r in RECIPES.items()}
        return _choose("recipe", recipes)
    if command == "train-classifier":
        return _choose("dataset", dict.fromkeys(module.CLASSIFIERS, module.Options))
    return module.Options


def _choose(name: str, options: Mapping[str, type]) -> type:
    return dataclasses.make_dataclass("Options", [(name, _join(options))])


def _join(options: Mapping[str, Any]) -> Any:
    """Join the options of commands to a type that stands for any one of them."""
    named = (Annotated[kind, tyro.conf.subcommand(name)] for name, kind in options.items())
    return functools.reduce(operator.or_, named)
