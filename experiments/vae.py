"""The autoencoders and the VAEs."""

from experiments.experiment import Experiment, add
from genjax.models import VAE, Autoencoder
from genjax.train import Optimizer, Training

_COSINE = Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=200)

add(
    "vae-mnist",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(),
        training=Training(epochs=20, optimizer=_COSINE),
    ),
)
add(
    "vae-mnist-long",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(),
        training=Training(epochs=20, optimizer=_COSINE),
    ),
)
add(
    "vae-mnist-2d",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(latent_dim=2),
        training=Training(epochs=20, optimizer=_COSINE),
    ),
)
add(
    "ae-mnist",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=Autoencoder(),
        training=Training(epochs=10, optimizer=_COSINE),
    ),
)
add(
    "vae-fashion",
    Experiment(
        expected="TODO",
        dataset="fashion_mnist",
        model=VAE(),
        training=Training(epochs=20, optimizer=_COSINE),
    ),
)
add(
    "vae-cifar10",
    Experiment(
        expected="TODO",
        dataset="cifar10",
        model=VAE(latent_dim=128, likelihood="gaussian"),
        training=Training(epochs=20, optimizer=_COSINE),
    ),
)
