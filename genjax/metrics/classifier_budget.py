"""How long a classifier is trained."""

from genjax.training.configuration import Optimizer, Training

_IMAGES_SHOWN = 360_000  # in training; six epochs of MNIST
_MOST_EPOCHS = 40


def choose_training(num_images: int, shown: int = _IMAGES_SHOWN) -> Training:
    """Return the training that shows about `shown` images in at most 40 epochs.

    >>> choose_training(60_000).epochs
    6
    """
    return Training(
        epochs=max(1, min(_MOST_EPOCHS, round(shown / num_images))),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, schedule="cosine", warmup_steps=200, weight_decay=0.02
        ),
    )
