"""VAEs on sprites, whose factors are known: do their latents separate them?

The three differ in their loss alone; `make disentangle` compares them under several seeds. The
pixels are binary as they are.
"""

from dataclasses import replace

from experiments.experiment import Experiment, add
from genjax.configuration import Optimizer, Training
from genjax.models import VAE

NAMES = ("vae-sprites", "beta-vae-sprites", "beta-tcvae-sprites")
_NETWORKS = VAE(latent_dim=10, network="mlp", hidden=(256, 256), binarize=False)


def _experiment(expected: str, model: VAE) -> Experiment:
    return Experiment(
        expected=expected,
        dataset="sprites",
        model=model,
        training=Training(
            epochs=80, optimizer=Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=200)
        ),
        num_samples=20,
    )


add("vae-sprites", _experiment("to be measured; 3 minutes", _NETWORKS))
add("beta-vae-sprites", _experiment("to be measured; 3 minutes", replace(_NETWORKS, beta=10.0)))
add(
    "beta-tcvae-sprites",
    _experiment(
        "to be measured; 3 minutes",
        replace(_NETWORKS, beta=10.0, beta_weighs="total_correlation"),
    ),
)
