"""Named recipes: a model, its data and its budget. `genjax train NAME` runs one."""

from genjax.recipes import debiasing, disentangling, flows, gans, vae_gans, vaes  # noqa: F401
from genjax.recipes.recipe import RECIPES, Recipe, register_recipe
from genjax.recipes.run import run_recipe

__all__ = ["RECIPES", "Recipe", "register_recipe", "run_recipe"]
