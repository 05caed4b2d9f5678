"""What each variant of the VAE gains and loses: `make variants` trains them under one budget.

On MNIST, all with the same encoder and decoder, each shown the same number of images. Beside the
table stand reconstructions of the same digits, and samples, of every variant.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

import genjax
from genjax import plots
from genjax.model import Model
from genjax.models import VAE, Autoencoder
from genjax.recipes.recipe import Recipe
from genjax.recipes.series import Options, main, run_of
from genjax.recipes.table import RECIPES

FIGURES = {
    "nll": "IWAE-5000, nats",
    "negative_elbo": "-ELBO, nats",
    "active_units": "active latents",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error a pixel",
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
_SHOWN = 12


def _variant(model: Model, like: str = "vae-mnist") -> Recipe:
    training = replace(RECIPES[like].training, epochs=_EPOCHS)
    return Recipe(
        expected="one of many: see the table",
        dataset="mnist",
        model=model,
        training=training,
        num_samples=5_000,
        num_images=500,
        num_generated=10_000,
        num_components=20,
    )


VARIANTS = {
    "autoencoder": _variant(Autoencoder()),
    "vae": _variant(VAE()),
    "warm-up": _variant(VAE(warmup=0.3)),
    "beta-vae-4": _variant(VAE(beta=4.0)),
    "capacity-25": _variant(VAE(beta=10.0, capacity=25.0, warmup=0.5)),
    "beta-tcvae-4": _variant(VAE(beta=4.0, beta_weighs="total_correlation")),
    "iwae-5": _variant(VAE(importance_samples=5)),
    "vae-gan": _variant(RECIPES["vae-gan-mnist"].model, "vae-gan-mnist"),
}


def draw(out: Path, experiments: Mapping[str, Recipe]) -> None:
    _, test_set = next(iter(experiments.values())).load_resident()
    real = test_set.images[:_SHOWN] / np.float32(255)
    params = [genjax.load(run_of(out, name)) for name in experiments]
    pictures = {
        "reconstructions": [genjax.reconstruct(p, real) for p in params],
        "samples": [genjax.sample(p, jax.random.key(0), _SHOWN) for p in params],
    }
    for name, rows in pictures.items():
        plots.save_strip(out / f"{name}.png", [real, *rows], ["data", *experiments], _SHOWN)


if __name__ == "__main__":
    default = Options(Path("runs/variants"))
    sys.exit(main(sys.argv[1:], "variants", VARIANTS, default, FIGURES, draw))
