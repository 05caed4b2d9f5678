"""VAEs on sprites, whose factors are known: do their latents separate them?

The three differ in their loss alone; `make disentangle` compares them under several seeds. The
pixels are binary as they are.
"""

from dataclasses import replace

from genjax.models import VAE
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

NAMES = ("vae-sprites", "beta-vae-sprites", "beta-tcvae-sprites")
_NETWORKS = VAE(latent_dim=10, network="mlp", hidden=(256, 256), binarize=False)


def _make_recipe(expected: str, model: VAE) -> Recipe:
    return Recipe(
        expected=expected,
        dataset="sprites",
        model=model,
        training=Training(
            epochs=80, optimizer=Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=200)
        ),
        num_samples=20,
    )


register_recipe(
    "vae-sprites", _make_recipe("MIG 0.02, squared error 0.0012 a pixel; 2 minutes", _NETWORKS)
)
register_recipe(
    "beta-vae-sprites",
    _make_recipe(
        "MIG 0.26, squared error 0.0022 a pixel; 2 minutes", replace(_NETWORKS, beta=10.0)
    ),
)
register_recipe(
    "beta-tcvae-sprites",
    _make_recipe(
        "MIG 0.53, squared error 0.0018 a pixel; 2 minutes",
        replace(_NETWORKS, beta=10.0, beta_weighs="total_correlation"),
    ),
)
