"""`genjax list [WHAT]`: what there is, with a line each, without importing jax."""

import importlib.metadata
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from genjax.cli import listing
from genjax.cli.command import parse, run

What = Literal["all", "recipes", "models", "data-sets", "losses", "likelihoods", "activations"]
_KINDS = {"data-sets": "data sets", "losses": "adversarial losses"}  # what -> kind


@dataclass(frozen=True)
class Options:
    """List what there is, with a line each."""

    what: Annotated[What, tyro.conf.Positional] = "all"
    """What to list."""


def main(arguments: list[str]) -> int:
    what = parse(Options, arguments, "genjax list").what
    if importlib.metadata.entry_points(group="genjax.models"):
        run(importlib.import_module("genjax.model").find_models)
    parts = []
    if what in ("all", "recipes"):
        parts.append(listing.format_recipes(more=_find_other_recipes()))
    for kind, names in listing.OTHERS.items():
        if what == "all" or kind == _KINDS.get(what, what):
            lines = names | _find_others(kind, names)
            parts.append(f"{kind.capitalize()}\n{listing.format_lines(lines)}")
    print("\n\n".join(parts))
    return 0


def _find_other_recipes() -> dict[str, str]:
    """Return the recipes that --import brought; none where no module was imported."""
    if "genjax.recipes" not in sys.modules:
        return {}
    from genjax.recipes import RECIPES

    ours = {name for group in listing.read_recipes().values() for name in group}
    return {
        n: f"{type(r.model).__name__} on {r.dataset}" for n, r in RECIPES.items() if n not in ours
    }


def _find_others(kind: str, ours: dict[str, str]) -> dict[str, str]:
    """Return what --import or installed packages brought, with the first line of its docstring."""
    if "genjax.models" not in sys.modules:
        return {}
    everything = listing.find_registries()[kind].items()
    return {
        name: (thing.__doc__ or "").strip().partition("\n")[0]
        for name, thing in everything
        if name not in ours
    }
