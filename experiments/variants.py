"""What does each variant of the VAE gain and lose? `python -m experiments.variants`.

Trains them on MNIST with the same encoder and decoder and the same number of images shown, and
draws reconstructions of the same digits and samples of each.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

import genjax
from experiments.study import Study
from genjax import plots
from genjax.model import Model
from genjax.models import VAE, Autoencoder
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.series import run_path

COLUMNS = {
    "nll": "IWAE-5000, nats",
    "negative_elbo": "-ELBO, nats",
    "active_units": "active latents",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error per pixel",
    "reconstruction_feature_error": "error of features",
    "reconstruction_sharpness": "sharpness of reconstructions",
    "sharpness": "sharpness of samples",
    "frechet_classifier": "FCD",
    "fitted_frechet_classifier": "FCD, fitted mixture",
    "confidence": "confidence",
    "fitted_confidence": "confidence, fitted mixture",
    "training_seconds": "seconds",
}
_EPOCHS = 6
_SHOWN = 12  # images in a row


def _make_variant(model: Model, like: str = "vae-mnist") -> Recipe:
    """Return the recipe of `model`, trained like the named recipe but for 6 epochs."""
    return Recipe(
        dataset="mnist",
        model=model,
        training=replace(RECIPES[like].training, epochs=_EPOCHS),
        num_samples=5_000,
        num_images=500,
        num_generated=10_000,
        num_components=20,
    )


VARIANTS = {
    "autoencoder": _make_variant(Autoencoder()),
    "vae": _make_variant(VAE()),
    "warm-up": _make_variant(VAE(warmup=0.3)),
    "beta-vae-4": _make_variant(VAE(beta=4.0)),
    "capacity-25": _make_variant(VAE(beta=10.0, capacity=25.0, warmup=0.5)),
    "beta-tcvae-4": _make_variant(VAE(beta=4.0, beta_weighs="total_correlation")),
    "iwae-5": _make_variant(VAE(importance_samples=5)),
    "vae-gan": _make_variant(RECIPES["vae-gan-mnist"].model, "vae-gan-mnist"),
}


def draw(out: Path, recipes: Mapping[str, Recipe]) -> None:
    """Draw reconstructions.png and samples.png, a row for every recipe's first run."""
    _, test_set = next(iter(recipes.values())).load_resident()
    real = test_set.images[:_SHOWN] / np.float32(255)
    params = [genjax.load(run_path(out, name)) for name in recipes]
    pictures = {
        "reconstructions": [genjax.reconstruct(p, real) for p in params],
        "samples": [genjax.sample(p, jax.random.key(0), _SHOWN) for p in params],
    }
    for name, rows in pictures.items():
        plots.save_strip(out / f"{name}.png", [real, *rows], ["data", *recipes], _SHOWN)


STUDY = Study("variants", VARIANTS, COLUMNS, draw)

if __name__ == "__main__":
    sys.exit(STUDY.main(sys.argv[1:]))
