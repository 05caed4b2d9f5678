"""The models that are compared on a data set, as alike as they can be.

All have the same training images and number of images shown. Models of latent vectors have the same
number of latents. The decoder of the plain autoencoder, the VAEs and the VAE-GAN is the
DCGAN's generator without batch normalisation, and their encoder mirrors it. The VAE-GAN and the
DCGAN have the same discriminator. The vanilla GAN is an MLP, as in its paper.

The hierarchical VAE, flow matching and the PixelCNN have no counterpart among these networks. An
image costs them several times as much computing as the others, so they are small, and the report
shows the CPU time beside all results.

All likelihoods on a data set are of the same data: of binary images on MNIST, else of bytes. That
of flow matching is always of bytes, and the VAE-GAN is trained on none.

Each model has an optimizer that suits it: no single learning rate suits all. docs/notes/gans.md
says why the DCGAN's loss is the relativistic one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from genjax.model import Model
from genjax.models import (
    DCGAN,
    GAN,
    VAE,
    VAEGAN,
    Autoencoder,
    FlowMatching,
    HierarchicalVAE,
    PixelCNN,
)
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
_FLOW_TRAINING = Training(
    batch_size=64,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup_steps=500),
    ema_decay=0.999,
)
_HIERARCHICAL_TRAINING = replace(
    _FLOW_TRAINING, optimizer=replace(_FLOW_TRAINING.optimizer, learning_rate=1.5e-3)
)
_PIXELCNN_TRAINING = replace(
    _FLOW_TRAINING, optimizer=replace(_FLOW_TRAINING.optimizer, learning_rate=3e-3)
)
_MLP_GAN_TRAINING = replace(
    _GAN_TRAINING, batch_size=128, optimizer=replace(_GAN_TRAINING.optimizer, learning_rate=1e-3)
)


@dataclass(frozen=True)
class Setting:
    """What the models have in common on one data set."""

    dataset: str
    likelihood: str  # of the models with a bound
    levels: int  # of a pixel, of the autoregressive model: 2 binary, 256 bytes
    latent_dim: int
    width: int  # channels next to the image; doubled twice towards the latents
    epochs: int


_BYTES = "discretized_logistic"
SETTINGS = {
    "mnist": Setting("mnist", "bernoulli", levels=2, latent_dim=32, width=16, epochs=6),
    "fashion": Setting("fashion_mnist", _BYTES, levels=256, latent_dim=32, width=16, epochs=6),
    "cifar10": Setting("cifar10", _BYTES, levels=256, latent_dim=64, width=32, epochs=6),
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
    seen: Mapping = {"likelihood": "bernoulli" if setting.levels == 2 else "gaussian"}
    vae_gan = VAEGAN(beta=0.05, r1=0.1, discriminator_width=width, **{**stack, **seen})
    dcgan = DCGAN(
        latent_dim=latent_dim,
        loss="relativistic",
        r1=1.0,
        r2=1.0,
        discriminator_norm="none",
        width=width,
        depth=3,
    )
    hierarchical = HierarchicalVAE(
        levels=(1, 1, 1),
        channels=(32, 48, 64, 96),
        encoder_blocks=(0, 1, 1, 0),
        decoder_blocks=(1, 1, 1, 0),
        pixel_channels=8,
        likelihood=setting.likelihood,
        free_bits=0.5,
        warmup=0.1,
    )
    flow = FlowMatching(
        widths=(32, 64), time_distribution="logit_normal", num_steps=16, solver="euler"
    )
    pixelcnn = PixelCNN(levels=setting.levels, width=24 if setting.levels == 2 else 16, depth=4)
    models: dict[str, tuple[Model, Training]] = {
        "autoencoder": (Autoencoder(**stack), _AUTOENCODER_TRAINING),
        "vae": (VAE(**stack), _AUTOENCODER_TRAINING),
        "beta-vae": (VAE(beta=4.0, **stack), _AUTOENCODER_TRAINING),
        "hierarchical-vae": (hierarchical, _HIERARCHICAL_TRAINING),
        "vae-gan": (vae_gan, replace(_GAN_TRAINING, optimizer=_MLP_GAN_TRAINING.optimizer)),
        "gan": (GAN(latent_dim=latent_dim, r1=0.2), _MLP_GAN_TRAINING),
        "dcgan": (dcgan, _GAN_TRAINING),
        "flow-matching": (flow, _FLOW_TRAINING),
        "pixelcnn": (pixelcnn, _PIXELCNN_TRAINING),
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
