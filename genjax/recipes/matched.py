"""The models that are compared on a data set, as alike as they can be.

All have the same training images, number of images shown, and number of latents. The decoder of the
plain autoencoder, the VAEs and the VAE-GAN is the DCGAN's generator without batch normalisation,
and their encoder mirrors it. The VAE-GAN and the DCGAN have the same discriminator. The vanilla GAN
is an MLP, as in its paper. Each model has an optimizer that suits it: no single learning rate suits
all. docs/notes/gans.md says why the DCGAN's loss is the relativistic one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from genjax.model import Model
from genjax.models import DCGAN, GAN, VAE, VAEGAN, Autoencoder
from genjax.recipes.contenders import MEASURED
from genjax.recipes.recipe import Recipe
from genjax.training.configuration import Optimizer, Training

_AUTOENCODER_TRAINING = Training(
    batch_size=128, optimizer=Optimizer(learning_rate=2e-3, schedule="cosine")
)
_GAN_TRAINING = Training(
    batch_size=64,
    optimizer=Optimizer(learning_rate=5e-4, b1=0.5, schedule="cosine"),
    ema_decay=0.999,
)
_MLP_GAN_TRAINING = replace(
    _GAN_TRAINING, batch_size=128, optimizer=replace(_GAN_TRAINING.optimizer, learning_rate=1e-3)
)


@dataclass(frozen=True)
class Setting:
    """What the models have in common on one data set."""

    dataset: str
    likelihood: str
    latent_dim: int
    width: int  # channels next to the image; doubled twice towards the latents
    epochs: int


SETTINGS = {
    "mnist": Setting("mnist", "bernoulli", latent_dim=32, width=16, epochs=6),
    "fashion": Setting("fashion_mnist", "gaussian", latent_dim=32, width=16, epochs=6),
    "cifar10": Setting("cifar10", "gaussian", latent_dim=64, width=32, epochs=6),
}


def match_models(setting: Setting) -> dict[str, Recipe]:
    """Return the recipes of a comparison, by the names under which they are reported."""
    latent_dim, width = setting.latent_dim, setting.width
    stack: Mapping = {
        "latent_dim": latent_dim,
        "channels": (width, 2 * width, 4 * width),
        "hidden": (),
        "likelihood": setting.likelihood,
        "scale": 0.2,
    }
    vae_gan = VAEGAN(beta=0.05, r1=0.1, discriminator_width=width, **stack)
    dcgan = DCGAN(
        latent_dim=latent_dim,
        loss="relativistic",
        r1=1.0,
        r2=1.0,
        discriminator_norm="none",
        width=width,
        depth=3,
    )
    models: dict[str, tuple[Model, Training]] = {
        "autoencoder": (Autoencoder(**stack), _AUTOENCODER_TRAINING),
        "vae": (VAE(**stack), _AUTOENCODER_TRAINING),
        "beta-vae": (VAE(beta=4.0, **stack), _AUTOENCODER_TRAINING),
        "vae-gan": (vae_gan, replace(_GAN_TRAINING, optimizer=_MLP_GAN_TRAINING.optimizer)),
        "gan": (GAN(latent_dim=latent_dim, r1=0.2), _MLP_GAN_TRAINING),
        "dcgan": (dcgan, _GAN_TRAINING),
    }
    return {
        name: Recipe(
            dataset=setting.dataset,
            model=model,
            training=replace(training, epochs=setting.epochs),
            **MEASURED,
        )
        for name, (model, training) in models.items()
    }
