"""All named recipes: importing this adds them to the table."""

from genjax.recipes import debiasing, disentangling, gans, vae_gans, vaes  # noqa: F401
from genjax.recipes.recipe import RECIPES

__all__ = ["RECIPES"]
