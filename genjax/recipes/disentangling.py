"""VAEs on sprites, whose factors are known: do their latents separate them?

The three differ in their loss alone; experiments/disentangle.py compares them under several seeds.
The sprites are binary already, so nothing is binarised.
"""

from dataclasses import replace

from genjax.models import VAE
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

NAMES = ("vae-sprites", "beta-vae-sprites", "beta-tcvae-sprites")
_VAE = VAE(latent_dim=10, network="mlp", hidden=(256, 256), binarize=False)


def _make_recipe(model: VAE, description: str) -> Recipe:
    return Recipe(
        dataset="sprites",
        model=model,
        training=Training(
            epochs=80, optimizer=Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=200)
        ),
        num_samples=20,
        description=description,
        headline=("mig", "reconstruction_error"),
    )


register_recipe(
    "vae-sprites", _make_recipe(_VAE, "VAE, 10 latents, on sprites drawn from known factors")
)
register_recipe(
    "beta-vae-sprites",
    _make_recipe(replace(_VAE, beta=10.0), "β-VAE (β = 10) on sprites: latents follow factors"),
)
register_recipe(
    "beta-tcvae-sprites",
    _make_recipe(
        replace(_VAE, beta=10.0, beta_weighs="total_correlation"),
        "β-TCVAE (β = 10) on sprites: the same at less cost",
    ),
)
