"""The models that are compared on a data set, with as much as possible the same for all.

Same for all: the training images, how many of them are shown, the number of latents. The plain
autoencoder, the VAEs and the VAE-GAN have the DCGAN's generator as their decoder (but for batch
normalisation, which a VAE's does not have), and the encoder that mirrors it; the VAE-GAN and the
DCGAN the same discriminator. The vanilla GAN is an MLP, as it is in its paper. How to descend is
each model's own business: a learning rate that suits one ruins another.

The DCGAN's loss is the relativistic one with R1 and R2. Under the non-saturating loss with R1 the
same small network is a matter of luck: three seeds on MNIST ended at an FCD of 78, 287 and 419.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from genjax.model import Model
from genjax.models import DCGAN, GAN, VAE, VAEGAN, Autoencoder
from genjax.recipes.contenders import MEASURED
from genjax.recipes.recipe import Recipe
from genjax.training.configuration import Optimizer, Training

_DESCENDING = Training(batch_size=128, optimizer=Optimizer(learning_rate=2e-3, schedule="cosine"))
_PLAYING = Training(
    batch_size=64,
    optimizer=Optimizer(learning_rate=5e-4, b1=0.5, schedule="cosine"),
    ema_decay=0.999,
)
_PLAYING_DENSE = replace(
    _PLAYING, batch_size=128, optimizer=replace(_PLAYING.optimizer, learning_rate=1e-3)
)


@dataclass(frozen=True)
class Setting:
    """What the models of one data set have in common."""

    dataset: str
    likelihood: str
    latent_dim: int
    width: int  # channels next to the image, doubled twice
    epochs: int


SETTINGS = {
    "mnist": Setting("mnist", "bernoulli", latent_dim=32, width=16, epochs=6),
    "fashion": Setting("fashion_mnist", "gaussian", latent_dim=32, width=16, epochs=6),
    "cifar10": Setting("cifar10", "gaussian", latent_dim=64, width=32, epochs=6),
}


def matched(setting: Setting) -> dict[str, Recipe]:
    """The experiments of a comparison, by the names under which they are reported."""
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
        "autoencoder": (Autoencoder(**stack), _DESCENDING),
        "vae": (VAE(**stack), _DESCENDING),
        "beta-vae": (VAE(beta=4.0, **stack), _DESCENDING),
        "vae-gan": (vae_gan, replace(_PLAYING, optimizer=_PLAYING_DENSE.optimizer)),
        "gan": (GAN(latent_dim=latent_dim, r1=0.2), _PLAYING_DENSE),
        "dcgan": (dcgan, _PLAYING),
    }
    return {
        name: Recipe(
            expected="one of several: see the report",
            dataset=setting.dataset,
            model=model,
            training=replace(training, epochs=setting.epochs),
            **MEASURED,
        )
        for name, (model, training) in models.items()
    }
