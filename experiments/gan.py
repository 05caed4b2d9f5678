"""The adversarial models.

The figures to expect were measured on 10,000 samples (Stacked MNIST: 26,000) with seed 0, on 2 CPU
cores.
"""

from experiments.experiment import Experiment, add
from genjax.configuration import Optimizer, Training
from genjax.models import DCGAN, GAN

_DCGAN = Optimizer(learning_rate=2e-4, b1=0.5)  # Radford et al. 2016, section 4

add(
    "gan-mnist",
    Experiment(
        expected="? minutes",
        dataset="mnist",
        model=GAN(),
        training=Training(epochs=30, optimizer=_DCGAN, ema_decay=0.999),
        num_generated=10_000,
    ),
)
add(
    "dcgan-mnist",
    Experiment(
        expected="? minutes",
        dataset="mnist",
        model=DCGAN(),
        training=Training(epochs=12, batch_size=64, optimizer=_DCGAN, ema_decay=0.999),
        num_generated=10_000,
    ),
)
add(
    "dcgan-fashion",
    Experiment(
        expected="? minutes",
        dataset="fashion_mnist",
        model=DCGAN(),
        training=Training(epochs=12, batch_size=64, optimizer=_DCGAN, ema_decay=0.999),
        num_generated=10_000,
    ),
)
add(
    "dcgan-cifar10",
    Experiment(
        expected="? minutes",
        dataset="cifar10",
        model=DCGAN(),
        training=Training(epochs=25, batch_size=64, optimizer=_DCGAN, ema_decay=0.999),
        num_generated=10_000,
    ),
)
add(
    "dcgan-cifar10-full",
    Experiment(
        expected="200,000 steps, for an accelerator: not run; on 2 cores 430 minutes",
        dataset="cifar10",
        model=DCGAN(),
        training=Training(epochs=256, batch_size=64, optimizer=_DCGAN, ema_decay=0.9999),
        num_generated=10_000,
    ),
)
