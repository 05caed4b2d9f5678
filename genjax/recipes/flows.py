"""Flow matching.

docs/notes/flows.md records what else was tried.
"""

from dataclasses import replace

from genjax.models import FlowMatching
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_SAMPLES = ("frechet_classifier", "bits_per_dim")
_MODEL = FlowMatching(
    num_classes=10, guidance=1.25, time_distribution="logit_normal", solver="euler"
)
_TRAINING = Training(
    epochs=40,
    batch_size=64,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup_steps=500),
    ema_decay=0.999,
)

register_recipe(
    "flow-matching-mnist",
    Recipe(
        dataset="mnist",
        model=_MODEL,
        training=_TRAINING,
        num_images=500,
        num_generated=10_000,
        description="flow matching, U-Net 32-64, class-conditional, guidance 1.25, 16 steps of"
        " Euler, on MNIST",
        headline=_SAMPLES,
    ),
)
register_recipe(
    "flow-matching-fashion",
    Recipe(
        dataset="fashion_mnist",
        model=_MODEL,
        training=_TRAINING,
        num_images=500,
        num_generated=10_000,
        description="the same, on Fashion-MNIST, not yet run (45 minutes on 2 CPU cores)",
        headline=_SAMPLES,
    ),
)
register_recipe(
    "flow-matching-cifar10",
    Recipe(
        dataset="cifar10",
        model=replace(_MODEL, widths=(64, 128), guidance=1.5),
        training=replace(_TRAINING, epochs=10),
        num_images=500,
        num_generated=10_000,
        description="flow matching, U-Net 64-128, class-conditional, guidance 1.5, on CIFAR-10"
        " (50 minutes on 2 CPU cores)",
        headline=_SAMPLES,
    ),
)
