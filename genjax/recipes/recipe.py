"""What an recipe is, and the table of the named ones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from genjax import data
from genjax.data import Dataset, Stream
from genjax.errors import UserError
from genjax.model import Model
from genjax.training.configuration import Training


@dataclass(frozen=True)
class Recipe:
    """A data set, a model, a budget, and the result to expect."""

    expected: Annotated[str, tyro.conf.Suppress]
    """The result to expect, and the time it takes on 2 CPU cores."""
    dataset: str
    """mnist, fashion_mnist, cifar10, stacked_mnist, sprites, mnist_rotated, mnist_coloured,
    fashion_rare, or the path of a folder of images."""
    model: Model
    training: Annotated[Training, tyro.conf.arg(name="")] = field(default_factory=Training)
    seed: int = 0
    """The run's key is jax.random.key(seed)."""
    seeds: int = 1
    """Runs at once, with the seeds from `seed` on: each is the one that its seed gives alone."""
    image_size: int = 64
    """Height and width to which the images of a folder are brought."""
    num_train: int = 0
    """Images of the training set, the first so many; 0 for all."""
    stream: bool = False
    """Leave the training set on disk, and decode it while the model trains; so it is anyway where
    it is too large for the device."""
    num_samples: int = 500
    """Draws of the importance-weighted bound that is measured at the end."""
    num_images: int = 0
    """Images of the test set that the model encodes to be measured at the end; 0 for all."""
    num_generated: int = 0
    """Samples that are measured at the end, also by a classifier of the data's classes."""
    num_components: int = 0
    """Gaussians in a mixture fitted to the codes, whose samples are measured too; 0 fits none."""

    def check(self) -> None:
        """Raises `UserError` on what cannot be trained with or measured."""
        self.training.check(self.model.players)
        if self.num_samples < 1:
            raise UserError(f"--num-samples is {self.num_samples}, but must be at least 1.")
        for name in ("num_images", "num_train"):
            if getattr(self, name) < 0:
                option = name.replace("_", "-")
                raise UserError(f"--{option} is {getattr(self, name)}, but must be at least 0.")
        if self.num_components < 0 or (self.num_components and not self.num_generated):
            raise UserError(
                f"--num-components is {self.num_components}, but must be 0, or at least 1 with"
                " --num-generated samples to measure."
            )
        if self.num_generated < 0 or self.num_generated == 1:
            raise UserError(
                f"--num-generated is {self.num_generated}, but must be 0, or 2 or more."
            )
        if self.seeds < 1:
            raise UserError(f"--seeds is {self.seeds}, but must be at least 1.")
        if not 0 <= self.seed <= 2**32 - self.seeds:
            raise UserError(f"--seed is {self.seed}, but must be at least 0, below 2^32.")

    def load(self) -> tuple[Dataset | Stream, Dataset]:
        """The images to train on, and those to test on: of a folder, every tenth."""
        train_set, test_set = self._whole()
        return train_set.take(self.num_train or len(train_set)), test_set

    def load_resident(self) -> tuple[Dataset, Dataset]:
        """The same, on the device: of a stream, as many of the first images as are to measure with
        and to draw."""
        train_set, test_set = self.load()
        return resident(train_set), test_set

    def _whole(self) -> tuple[Dataset | Stream, Dataset]:
        if self.dataset in data.NAMES:
            train_set = data.load(self.dataset, "train", stream=self.stream or None)
            return train_set, data.load(self.dataset, "test", stream=False)
        if self.stream:
            raise UserError(f"--stream: a folder of images such as {self.dataset} is not streamed.")
        if not Path(self.dataset).is_dir():
            raise UserError(
                f"--dataset {self.dataset}: neither a folder of images nor one of"
                f" {', '.join(data.NAMES)}."
            )
        whole = data.from_folder(self.dataset, self.image_size)
        if len(whole) < 20:
            raise UserError(f"--dataset {self.dataset}: {len(whole)} images are too few; give 20.")
        is_test = np.arange(len(whole)) % 10 == 9
        return (
            whole.subset(np.flatnonzero(~is_test), "nine tenths"),
            whole.subset(np.flatnonzero(is_test), "every tenth"),
        )


def resident(images: Dataset | Stream) -> Dataset:
    return images.resident() if isinstance(images, Stream) else images


RECIPES: dict[str, Recipe] = {}


def add(name: str, recipe: Recipe) -> None:
    if name in RECIPES:
        raise ValueError(f"a recipe named {name!r} exists already")
    RECIPES[name] = recipe
