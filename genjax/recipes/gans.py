"""The adversarial models.

docs/notes/gans.md records what else was tried, and how it ended.
"""

from dataclasses import replace

from genjax.models import DCGAN, GAN, R3GAN, ProjectedGAN
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_CLASSES = ("least_share", "confidence", "frechet_classifier")
_MODES = ("modes", "modes_kl")

_OPTIMIZER = Optimizer(learning_rate=1e-3, b1=0.5, schedule="cosine")
# Learning rate and beta1 of Radford et al. 2016, section 4.
_DCGAN_OPTIMIZER = Optimizer(learning_rate=2e-4, b1=0.5, schedule="cosine")
_FASTER_DCGAN_OPTIMIZER = replace(_DCGAN_OPTIMIZER, learning_rate=5e-4)
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
        description="DCGAN 32-64-128, R1, on MNIST",
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
        description="DCGAN 32-64-128, half the R1, on Fashion-MNIST",
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
            optimizer=_FASTER_DCGAN_OPTIMIZER,
            ema_decay=0.999,
            mirrored=True,
        ),
        num_generated=10_000,
        description="DCGAN 64-128-256, class-conditional batch norm, mirrored images, on CIFAR-10"
        " (25 minutes on 2 CPU cores)",
        headline=_CLASSES,
    ),
)
# Without the batch normalisation by which the discriminator wins longer games.
register_recipe(
    "dcgan-cifar10-full",
    Recipe(
        dataset="cifar10",
        model=DCGAN(num_classes=10, loss="hinge", discriminator_norm="spectral"),
        training=Training(epochs=256, batch_size=64, optimizer=_DCGAN_OPTIMIZER, ema_decay=0.9999),
        num_generated=10_000,
        description="DCGAN, hinge loss, spectral norm, 200,000 steps, on CIFAR-10: for an"
        " accelerator, not yet run (460 minutes on 2 CPU cores)",
        headline=_CLASSES,
    ),
)
register_recipe(
    "dcgan-stacked",
    Recipe(
        dataset="stacked_mnist",
        model=DCGAN(width=32),
        training=Training(
            epochs=2, batch_size=64, optimizer=_FASTER_DCGAN_OPTIMIZER, ema_decay=0.999
        ),
        num_generated=26_000,
        description="DCGAN 32-64-128 on Stacked MNIST: with this loss it collapses",
        headline=_MODES,
    ),
)
register_recipe(
    "r3gan-stacked",
    Recipe(
        dataset="stacked_mnist",
        model=R3GAN(width=16),
        training=Training(epochs=16, batch_size=64, optimizer=_R3GAN_OPTIMIZER, ema_decay=0.999),
        num_generated=26_000,
        description="R3GAN on Stacked MNIST: covers all 1,000 modes",
        headline=_MODES,
    ),
)
# Discriminators on the features of the classifier that genjax ships for the data; another one
# measures the samples. Learning rate, beta1 and beta2 of Sauer et al. 2021, doubled rate.
_PROJECTED = ProjectedGAN(
    num_classes=10, generator_norm="conditional", augment=("colour", "translation", "cutout")
)
_PROJECTED_TRAINING = Training(
    epochs=16,
    batch_size=64,
    optimizer=replace(_R3GAN_OPTIMIZER, learning_rate=4e-4),
    ema_decay=0.999,
)
register_recipe(
    "projected-cifar10",
    Recipe(
        dataset="cifar10",
        model=_PROJECTED,
        training=replace(_PROJECTED_TRAINING, mirrored=True),
        num_generated=10_000,
        description="DCGAN's generator, class-conditional batch norm, discriminators on a"
        " classifier's features, on CIFAR-10: not yet run (45 minutes on 2 CPU cores)",
        headline=_CLASSES,
    ),
)
for _name, _dataset in (("fashion", "fashion_mnist"), ("mnist", "mnist")):
    register_recipe(
        f"projected-{_name}",
        Recipe(
            dataset=_dataset,
            model=replace(_PROJECTED, features=_dataset, width=32, augment=("translation",)),
            training=replace(_PROJECTED_TRAINING, epochs=12, mirrored=_name == "fashion"),
            num_generated=10_000,
            description=f"the same, 32-64-128, on {'Fashion-' * (_name == 'fashion')}MNIST: not yet"
            " run (15 minutes on 2 CPU cores)",
            headline=_CLASSES,
        ),
    )
register_recipe(
    "projected-stacked",
    Recipe(
        dataset="stacked_mnist",
        model=ProjectedGAN(features="mnist", width=48, augment=("translation",)),
        training=replace(_PROJECTED_TRAINING, epochs=12),
        num_generated=26_000,
        description="discriminators on the features of MNIST's classifier, on Stacked MNIST: not"
        " yet run (40 minutes on 2 CPU cores)",
        headline=_MODES,
    ),
)
# For 100 to 5,000 pictures of one's own: genjax train dcgan --dataset FOLDER --image-size 64.
# The budget counts steps, whatever the number of pictures.
register_recipe(
    "dcgan",
    Recipe(
        dataset="cifar10",
        model=ProjectedGAN(
            augment=("colour", "translation", "cutout"),
            upsampling="nearest",
            width=32,
            discriminator_width=32,
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
        description="for a folder of your own pictures (--dataset FOLDER): 8,000 steps,"
        " augmentation; by default CIFAR-10, not yet run (20 minutes on 2 CPU cores)",
        headline=("copies", "nearer_to_train", "frechet_random_features"),
    ),
)
