"""Named recipes: a model, its data and its budget. `genjax train NAME` runs one."""

from genjax.recipes import (  # noqa: F401
    debiasing,
    disentangling,
    exact,
    flows,
    gans,
    hierarchical,
    vae_gans,
    vaes,
)
from genjax.recipes.recipe import RECIPES, Recipe, register_recipe
from genjax.recipes.run import run_recipe

__all__ = ["RECIPES", "Recipe", "register_recipe", "run_recipe"]
