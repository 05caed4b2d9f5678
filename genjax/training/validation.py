"""The losses of held-out images, after every epoch the same ones with the same noise."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from genjax.data import Dataset, Stream
from genjax.data.dataset import renumber_labels
from genjax.distributed import seeds
from genjax.errors import UserError
from genjax.model import Model, Params, Terms
from genjax.model.compiling import jit
from genjax.runs.keys import Purpose
from genjax.training.epoch import Rows, scale_batch
from genjax.training.state import TrainState
from genjax.training.step import name_losses

_MOST_IMAGES = 2048
_BY_DEFAULT = 500  # images of the test set


def choose_held_out(model: Model, test_set: Dataset) -> Dataset | None:
    """Return up to 500 images of the test set whose losses are watched during training.

    They select nothing. None where the model cannot be trained with them, such as where some
    class is not among them.

    >>> test_set = genjax.data.from_arrays(np.zeros((600, 8, 8, 1), np.uint8))
    >>> len(choose_held_out(genjax.VAE(), test_set))
    500
    """
    chosen = test_set.draw_subset(min(_BY_DEFAULT, len(test_set)))
    try:
        model.check_labels(chosen.labels)
    except UserError:
        return None
    return chosen


class Validation:
    """A fixed part of a held-out data set: up to 2,048 of its images, drawn once, in batches.

    Args:
        dataset: images that the model is not trained on.
        params: of the model that they must fit; classes are compared by its `label_names`.
        batch_size: the largest number of images at once. Batches are of one size, so that fewer
            images are left out than there are batches.
    """

    def __init__(self, dataset: Dataset | Stream, params: Params, batch_size: int):
        model = params.model
        model.for_images(dataset.image_shape)
        if isinstance(dataset, Stream):
            dataset = dataset.to_dataset(min(len(dataset), _MOST_IMAGES))
        if getattr(model, "num_classes", 0):
            labels = jnp.asarray(renumber_labels(dataset, params.label_names))
            dataset = replace(dataset, labels=labels)
        model.check_labels(dataset.labels)
        most = min(len(dataset), _MOST_IMAGES)
        batches = -(-most // batch_size)
        size = most // batches
        chosen = np.random.default_rng(0).permutation(len(dataset))[: batches * size]
        index = np.sort(chosen).reshape(batches, size)
        self._rows = (dataset.images[index], dataset.labels[index])

    def measure(self, params: Params, state: TrainState) -> dict[str, Float[np.ndarray, "*seeds"]]:
        """Return the mean losses and terms, as at the end of the training's schedules.

        The names are those of training, after "validation_".
        """
        keys = state.derive_key(Purpose.VALIDATE)
        terms = compute_mean_losses(params, keys, self._rows)
        return {f"validation_{name}": np.asarray(v, np.float64) for name, v in terms.items()}


@jit
def compute_mean_losses(params: Params, key: Key[Array, "*seeds"], rows: Rows) -> Terms:
    """Return the mean losses and terms over batches of images [K, B, H, W, C] and their labels.

    `params` and `key` may be those of many seeds; then the terms are [S].
    """
    if key.ndim:
        return seeds.map_seeds(lambda one: compute_mean_losses(one[0], one[1], rows), (params, key))
    model = params.model

    def measure(number: Int[Array, ""], one: Rows) -> tuple[Int[Array, ""], Terms]:
        batch = scale_batch(one)
        noise = model.draw_noise(batch, jax.random.fold_in(key, number))
        losses, (terms, _) = model.losses(params, batch, noise)
        return number + 1, name_losses(model, losses) | terms

    _, terms = jax.lax.scan(measure, jnp.int32(0), rows)
    return jax.tree.map(jnp.mean, terms)
