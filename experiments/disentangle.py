"""Which VAE separates the factors of the sprites? `python -m experiments.disentangle`.

Trains three VAEs that differ in their loss alone, compares their disentanglement, and draws what
every latent does in the runs of the first seed.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from experiments.study import Study
from genjax import plots
from genjax.data import Dataset
from genjax.model import Params
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.disentangling import NAMES
from genjax.recipes.series import run_path

COLUMNS = {
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error per pixel",
}
_ROWS = 8  # latents shown, at most
_STEPS = 9  # images in a row
_ENCODED = 500  # images encoded to see which latents are used


def traverse_used_latents(params: Params, test_set: Dataset) -> np.ndarray:
    """Return a row of images for each of the most used latents: [rows * 9, H, W, C].

    Each row moves one latent of the test image whose code is nearest to 0, the mean of the prior.
    """
    images = test_set.images[:_ENCODED] / np.float32(255)
    codes = genjax.encode(params, images)
    middle = codes[jnp.argmin(jnp.linalg.norm(codes, axis=1))]
    used = genjax.latent_use(params, images, jax.random.key(0)).order[:_ROWS]
    rows = genjax.traverse(params, middle, 2.0, _STEPS, dimensions=used)
    return np.asarray(rows).reshape(-1, *test_set.image_shape)


def draw(out: Path, recipes: Mapping[str, Recipe]) -> None:
    """Draw the traversals of every recipe's first run into `out`/traversals.png."""
    _, test_set = next(iter(recipes.values())).load_resident()
    shown = [traverse_used_latents(genjax.load(run_path(out, name)), test_set) for name in recipes]
    plots.save_panels(out / "traversals.png", shown, list(recipes), _STEPS)


STUDY = Study("disentangle", {name: RECIPES[name] for name in NAMES}, COLUMNS, draw, seeds=3)

if __name__ == "__main__":
    sys.exit(STUDY.main(sys.argv[1:]))
