"""What a recipe is, and the table of the named ones."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from genjax import data
from genjax.data import Dataset, Stream
from genjax.errors import UserError
from genjax.model import Model
from genjax.training.configuration import Training

DENSITY_IMAGES = 10_000  # training images, drawn at random, whose codes a density is fitted to


@dataclass(frozen=True)
class Recipe:
    """A data set, a model, a budget, and what is measured at the end."""

    dataset: str
    """mnist, fashion_mnist, cifar10, stacked_mnist, sprites, mnist_rotated, mnist_coloured,
    fashion_rare; the path of a folder of images or of an .npz file; or the name of a data set of
    images that TFDS has prepared."""
    model: Model
    training: Annotated[Training, tyro.conf.arg(name="")] = field(default_factory=Training)
    seed: int = 0
    """The random seed: the run's key is derived from jax.random.key(seed)."""
    seeds: int = 1
    """Number of seeds, from `seed` on, that are trained at once; each run is the one that its seed
    gives alone."""
    image_size: int = 64
    """Height and width to which the images of a folder are resized."""
    num_train: int = 0
    """Number of training images, drawn at random, the same for every seed; 0 for all."""
    stream: bool = False
    """Leave the training set on disk, and decode it during training. Data sets that are too large
    for the device are streamed anyway."""
    num_samples: int = 500
    """Number of importance samples in the likelihood bound (IWAE) that is measured at the end."""
    num_images: int = 0
    """Number of test images that the model encodes to be measured at the end; 0 for all."""
    num_generated: int = 0
    """Number of samples that are measured at the end, also by a classifier of the data's classes."""
    num_components: int = 0
    """Number of Gaussians in a mixture that is fitted to the codes, and whose samples are measured
    too; 0 fits none."""
    description: Annotated[str, tyro.conf.Suppress] = ""
    """A phrase for the list of recipes."""
    headline: Annotated[tuple[str, ...], tyro.conf.Suppress] = ("negative_elbo", "nll")
    """The metrics by which a result is summarised in one line."""

    def check(self) -> None:
        """Raise `UserError` on values that cannot be trained with or measured."""
        self.training.check(self.model.players)
        for name, least in [("num_samples", 1), ("num_images", 0), ("num_train", 0), ("seeds", 1)]:
            if getattr(self, name) < least:
                raise _wrong(self, name, f"must be at least {least}")
        if self.num_components < 0 or (self.num_components and not self.num_generated):
            raise _wrong(
                self, "num_components", "must be 0, or at least 1 with --num-generated samples"
            )
        if self.num_generated < 0 or self.num_generated == 1:
            raise _wrong(self, "num_generated", "must be 0, or at least 2")
        if not 0 <= self.seed <= 2**32 - self.seeds:
            raise _wrong(self, "seed", "must be at least 0, below 2^32")

    def check_density(self, num_train: int) -> None:
        """Raise `UserError` where `num_train` images are too few to fit the mixture to."""
        most = min(DENSITY_IMAGES, num_train)
        if self.num_components > most:
            raise _wrong(self, "num_components", f"a density is fitted to {most:,} images")

    def load(self) -> tuple[Dataset | Stream, Dataset]:
        """Load the training images that the recipe asks for, and the test set."""
        train_set, test_set = data.resolve(self.dataset, self.image_size, self.stream or None)
        return (train_set.draw_subset(self.num_train) if self.num_train else train_set), test_set

    def load_resident(self) -> tuple[Dataset, Dataset]:
        """Load both sets to measure and to draw with: of a stream, as much as fits on the device."""
        train_set, test_set = self.load()
        return data.as_dataset(train_set), test_set


def _wrong(recipe: Recipe, name: str, must: str) -> UserError:
    option = name.replace("_", "-")
    return UserError(f"--{option} is {getattr(recipe, name)}, but {must}.")


RECIPES: dict[str, Recipe] = {}


def register_recipe(name: str, recipe: Recipe) -> None:
    """Add a recipe to the table, so that every command finds it by its name.

    Raises `ValueError` where another recipe has that name.
    """
    if name in RECIPES:
        raise ValueError(f"a recipe named {name!r} exists already")
    RECIPES[name] = recipe
