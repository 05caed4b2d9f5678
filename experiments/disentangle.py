"""Which VAE separates the factors of the sprites? `make disentangle` trains and compares.

Beside the table of the test figures stands a picture of what every latent does in the runs of the
first seed.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.model import Params
from genjax.recipes.disentangling import NAMES
from genjax.recipes.recipe import Recipe
from genjax.recipes.series import Options, main, run_of
from genjax.recipes.table import RECIPES

FIGURES = {
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error a pixel",
}
_MOST_LATENTS = 8  # shown
_STEPS = 9  # of each
_ENCODED = 500  # images, to see which latents are used


def traversal(params: Params, test_set: Dataset) -> np.ndarray:
    """A row for each of the latents in most use, the image moved along it: [rows * 9, H, W, C].

    The image is that of the test set whose code is nearest to 0, the middle of the prior.
    """
    images = test_set.images[:_ENCODED] / np.float32(255)
    codes = genjax.encode(params, images)
    middle = codes[jnp.argmin(jnp.linalg.norm(codes, axis=1))]
    used = genjax.latent_use(params, images, jax.random.key(0)).order[:_MOST_LATENTS]
    rows = genjax.traverse(params, middle, 2.0, _STEPS, dimensions=used)
    return np.asarray(rows).reshape(-1, *test_set.image_shape)


def draw(out: Path, experiments: Mapping[str, Recipe]) -> None:
    _, test_set = next(iter(experiments.values())).load_resident()
    shown = [traversal(genjax.load(run_of(out, name)), test_set) for name in experiments]
    plots.save_panels(out / "traversals.png", shown, list(experiments), _STEPS)


if __name__ == "__main__":
    runs = {name: RECIPES[name] for name in NAMES}
    default = Options(Path("runs/disentangle"), seeds=3)
    sys.exit(main(sys.argv[1:], "disentangle", runs, default, FIGURES, draw))
