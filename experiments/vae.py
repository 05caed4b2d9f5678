"""The autoencoders and the VAEs."""

from experiments.experiment import Experiment, add
from genjax.models import VAE, Autoencoder
from genjax.train import Optimizer, Training

_FAST = Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=500)

add(
    "vae-mnist",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(),
        training=Training(epochs=24, optimizer=_FAST),
    ),
)
add(
    "vae-mnist-long",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(latent_dim=40, channels=(32, 64), hidden=(512,)),
        training=Training(epochs=60, optimizer=_FAST, ema_decay=0.999),
    ),
)
add(
    "vae-mnist-2d",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=VAE(latent_dim=2),
        training=Training(epochs=16, optimizer=_FAST),
        num_samples=100,
    ),
)
add(
    "ae-mnist",
    Experiment(
        expected="TODO",
        dataset="mnist",
        model=Autoencoder(),
        training=Training(epochs=8, optimizer=_FAST),
    ),
)
add(
    "vae-fashion",
    Experiment(
        expected="TODO",
        dataset="fashion_mnist",
        model=VAE(likelihood="gaussian", scale=0.2),
        training=Training(epochs=20, optimizer=_FAST),
        num_samples=100,
    ),
)
add(
    "vae-cifar10",
    Experiment(
        expected="TODO",
        dataset="cifar10",
        model=VAE(latent_dim=64, channels=(32, 64, 64), likelihood="gaussian", scale=0.2),
        training=Training(
            epochs=12, optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=500)
        ),
        num_samples=20,
    ),
)
