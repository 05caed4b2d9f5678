"""The adversarial models.

docs/notes/gans.md records what else was tried, and how it ended.
"""

from dataclasses import replace

from genjax.models import DCGAN, GAN, R3GAN
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_CLASSES = ("least_share", "confidence", "frechet_classifier")
_MODES = ("modes", "modes_kl")

_OPTIMIZER = Optimizer(learning_rate=1e-3, b1=0.5, schedule="cosine")
# Beta1 of Radford et al. 2016, section 4, and 2.5 times the learning rate.
_DCGAN_OPTIMIZER = Optimizer(learning_rate=5e-4, b1=0.5, schedule="cosine")
_R3GAN_OPTIMIZER = Optimizer(learning_rate=5e-4, b1=0.0, b2=0.99, schedule="cosine")

# On digits and clothes, R1 instead of batch normalisation in the discriminator covers the classes
# more evenly, and allows five times the paper's learning rate (ten times in the discriminator).
_SMALL = DCGAN(
    latent_dim=32,
    width=32,
    num_classes=10,
    generator_norm="conditional",
    discriminator_norm="none",
    r1=0.1,
)
_SMALL_TRAINING = Training(
    epochs=16,
    batch_size=64,
    optimizer=_OPTIMIZER,
    learning_rate_factors=(("discriminator", 2.0),),
    ema_decay=0.999,
)

register_recipe(
    "gan-mnist",
    Recipe(
        dataset="mnist",
        model=GAN(r1=0.2),
        training=Training(epochs=32, optimizer=_OPTIMIZER, ema_decay=0.999),
        num_generated=10_000,
        description="MLP GAN, R1, on MNIST",
        headline=_CLASSES,
    ),
)
register_recipe(
    "dcgan-mnist",
    Recipe(
        dataset="mnist",
        model=_SMALL,
        training=replace(_SMALL_TRAINING, epochs=19),
        num_generated=10_000,
        description="DCGAN 32-64-128, class-conditional, R1, on MNIST",
        headline=_CLASSES,
    ),
)
register_recipe(
    "dcgan-fashion",
    Recipe(
        dataset="fashion_mnist",
        model=replace(_SMALL, r1=0.05),
        training=_SMALL_TRAINING,
        num_generated=10_000,
        description="DCGAN 32-64-128, class-conditional, half the R1, on Fashion-MNIST",
        headline=_CLASSES,
    ),
)
register_recipe(
    "dcgan-cifar10",
    Recipe(
        dataset="cifar10",
        model=DCGAN(
            num_classes=10,
            generator_norm="conditional",
            classifier_weight=1.0,
            augment=("translation",),
        ),
        training=Training(
            epochs=33,
            batch_size=64,
            optimizer=_DCGAN_OPTIMIZER,
            ema_decay=0.999,
            mirrored=True,
        ),
        num_generated=10_000,
        description="DCGAN 64-128-256, class-conditional, auxiliary classifier, augmentation, on"
        " CIFAR-10 (60 minutes on 2 CPU cores)",
        headline=_CLASSES,
    ),
)
register_recipe(
    "dcgan-stacked",
    Recipe(
        dataset="stacked_mnist",
        model=DCGAN(width=32),
        training=Training(epochs=2, batch_size=64, optimizer=_DCGAN_OPTIMIZER, ema_decay=0.999),
        num_generated=26_000,
        description="DCGAN 32-64-128 on Stacked MNIST: with this loss it collapses",
        headline=_MODES,
    ),
)
register_recipe(
    "r3gan-stacked",
    Recipe(
        dataset="stacked_mnist",
        model=R3GAN(width=24),
        training=Training(epochs=24, batch_size=64, optimizer=_R3GAN_OPTIMIZER, ema_decay=0.9995),
        num_generated=26_000,
        description="R3GAN on Stacked MNIST: covers all 1,000 modes (55 minutes on 2 CPU cores)",
        headline=_MODES,
    ),
)
# For 100 to 5,000 pictures of one's own: genjax train dcgan --dataset FOLDER --image-size 64.
# The budget counts steps, whatever the number of pictures.
register_recipe(
    "dcgan",
    Recipe(
        dataset="cifar10",
        model=R3GAN(
            r1=0.5,
            r2=0.5,
            augment=("colour", "translation", "cutout"),
            upsampling="nearest",
        ),
        training=Training(
            epochs=40,
            epoch_steps=200,
            batch_size=32,
            optimizer=Optimizer(learning_rate=2e-4, b1=0.0, b2=0.99),
            ema_decay=0.999,
            mirrored=True,
        ),
        num_generated=2_000,
        description="R3GAN for a folder of your own pictures (--dataset FOLDER): 8,000 steps,"
        " augmentation (90 minutes on 2 CPU cores with pictures of 64 pixels); by default"
        " CIFAR-10, not yet run (25 minutes)",
        headline=("copies", "nearer_to_train", "frechet_random_features"),
    ),
)
