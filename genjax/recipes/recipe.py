"""What a recipe is, and the table of the named ones."""

from dataclasses import dataclass, field, fields, replace
from typing import Annotated

import numpy as np
import tyro

from genjax import data
from genjax.data import Dataset, Stream
from genjax.data.dataset import draw_positions
from genjax.errors import UserError, check_integer
from genjax.model import Model
from genjax.recipes.fitted import DENSITY_IMAGES, DensityKind
from genjax.training.callbacks import Callback
from genjax.training.configuration import Training

# fields that say how a run is measured
MEASURING = ("num_samples", "num_images", "num_generated", "num_components", "density")
_QUICK = {"num_samples": 50, "num_images": 500, "num_generated": 2_000}
_RANGES: dict[str, tuple[int, int | None]] = {  # the smallest and the largest value of a field
    "num_samples": (1, 10**6),
    "num_images": (0, None),
    "num_train": (0, None),
    "num_validation": (0, None),
    "num_generated": (0, 10**7),
    "num_components": (0, None),
    "image_size": (1, 2**13),
    "seeds": (1, 10**4),
}


@dataclass(frozen=True)
class Recipe:
    """A data set, a model, a budget, and what is measured at the end."""

    dataset: str
    """mnist, fashion_mnist, cifar10, stacked_mnist, sprites, mnist_rotated, mnist_coloured (also
    with _0.5, _1, _2 or _5), fashion_rare; the path of a folder of images or of an .npz file; or
    the name of a data set of images that TFDS has prepared."""
    model: Model
    training: Annotated[Training, tyro.conf.arg(name="")] = field(default_factory=Training)
    seed: int = 0
    """The random seed: the run's key is derived from jax.random.key(seed)."""
    seeds: int = 1
    """Number of seeds, from `seed` on, that are trained at once; each run is the one that its seed
    gives alone."""
    image_size: int | tuple[int, int] = 64
    """Side to which the images of a folder are resized, or height and width."""
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
    """Number of samples that are measured at the end, also by a classifier of the data."""
    num_components: int = 0
    """Number of Gaussians in a mixture that is fitted to the codes, or that a flow begins as; 0 for
    one in every 300 images, at most 50, and for none without density."""
    density: DensityKind = "none"
    """What is fitted to the codes, so that its samples are measured too: a mixture of Gaussians, or
    a flow, which takes a minute; none fits a mixture where num_components is given."""
    num_validation: int = 0
    """Number of training images that are held out, drawn at random; their losses are measured after
    every epoch, as validation_... With 0, those of 500 test images are, unless there are
    callbacks: nothing is chosen by them."""
    callbacks: Annotated[tuple[Callback, ...], tyro.conf.Suppress] = ()
    """What is called after every epoch, such as `genjax.EarlyStopping`."""
    description: Annotated[str, tyro.conf.Suppress] = ""
    """A phrase for the list of recipes."""
    headline: Annotated[tuple[str, ...], tyro.conf.Suppress] = ("negative_elbo", "nll")
    """The metrics by which a result is summarised in one line."""

    def __post_init__(self) -> None:
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            if isinstance(value, np.integer | np.bool_):  # which JSON does not know
                object.__setattr__(self, name, value.item())

    def check(self) -> None:
        """Raise `UserError` on values that cannot be trained with or measured."""
        self.training.check(self.model.players)
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                check_integer(number, name, least, most)
        if self.fitted_density != "none" and not self.num_generated:
            name = "num_components" if self.density == "none" else "density"
            raise _wrong(self, name, "needs samples to measure: set num_generated=")
        if self.num_generated == 1:
            raise _wrong(self, "num_generated", "must be 0, or at least 2")
        check_integer(self.seed, "seed", 0, 2**32 - self.seeds)

    @property
    def fitted_density(self) -> DensityKind:
        """What is fitted to the codes; `num_components` alone asks for a mixture."""
        return "mixture" if self.density == "none" and self.num_components else self.density

    def check_density(self, num_train: int) -> None:
        """Raise `UserError` where `num_train` images are too few to fit the mixture to."""
        most = min(DENSITY_IMAGES, num_train)
        if self.num_components > most:
            raise _wrong(self, "num_components", f"a density is fitted to {most:,} images")

    def load(self) -> tuple[Dataset | Stream, Dataset]:
        """Load the training images that the recipe asks for, and the test set."""
        train_set, test_set = self._resolve()
        return train_set.draw_subset(self._count(train_set)), test_set

    def load_validation(self) -> Dataset | None:
        """Load the held-out images, which are none of the training images; None without any."""
        if not self.num_validation:
            return None
        train_set = data.as_dataset(self._resolve()[0])
        trained = draw_positions(len(train_set), self._count(train_set))
        others = np.setdiff1d(np.arange(len(train_set)), trained)
        check_integer(self.num_validation, "num_validation", 1, len(others))
        index = others[draw_positions(len(others), self.num_validation)]
        return train_set.subset(index, f"{len(index)} held out")

    def _resolve(self) -> tuple[Dataset | Stream, Dataset]:
        return data.resolve(self.dataset, self.image_size, self.stream or None)

    def _count(self, train_set: Dataset | Stream) -> int:
        return self.num_train or max(1, len(train_set) - self.num_validation)

    def load_resident(self) -> tuple[Dataset, Dataset]:
        """Load both sets to measure and draw with: of a stream, as much as fits on the device."""
        train_set, test_set = self.load()
        return data.as_dataset(train_set), test_set


def _wrong(recipe: Recipe, name: str, must: str) -> UserError:
    return UserError(f"{name} is {getattr(recipe, name)}, but {must}.")


def limit_measuring(recipe: Recipe) -> Recipe:
    """Return the recipe with a quick measurement, which takes seconds.

    At most 500 test images, 50 importance samples, and 2,000 generated samples, or a fifth of them
    where a recipe asks for more than 10,000.

    >>> from genjax.models import VAE
    >>> quick = limit_measuring(Recipe("mnist", VAE(), num_generated=26_000))
    >>> quick.num_samples, quick.num_images, quick.num_generated
    (50, 500, 5200)
    """
    most = {**_QUICK, "num_generated": max(_QUICK["num_generated"], recipe.num_generated // 5)}
    asked = replace(recipe, num_images=recipe.num_images or most["num_images"])
    return replace(asked, **{name: min(getattr(asked, name), most[name]) for name in most})


def restore_measuring(recipe: Recipe, whole: Recipe) -> Recipe:
    """Return the recipe with the measurement of `whole`, but for what differs from a quick one.

    >>> from genjax.models import VAE
    >>> whole = Recipe("mnist", VAE())
    >>> restore_measuring(replace(limit_measuring(whole), num_images=100), whole).num_samples
    500
    """
    quick = limit_measuring(whole)
    same = [name for name in _QUICK if getattr(recipe, name) == getattr(quick, name)]
    return replace(recipe, **{name: getattr(whole, name) for name in same})


RECIPES: dict[str, Recipe] = {}


def register_recipe(name: str, recipe: Recipe) -> None:
    """Add a recipe to the table, so that every command finds it by its name.

    Raises `ValueError` where another recipe has that name.
    """
    if name in RECIPES:
        raise ValueError(f"a recipe named {name!r} exists already")
    RECIPES[name] = recipe
