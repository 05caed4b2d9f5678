"""A trained model that is explored, and the table of the panels that can be drawn of it.

A panel is a function of the model and of a path: it draws a picture to the path and returns the
text that stands beside it. `PANELS` holds them in the order of the page.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.data import Dataset
from genjax.latents import LatentDensity, LatentUse, encode, fit_density, latent_use
from genjax.model import CanEncode, Params
from genjax.plots.examples import draw_examples

NUM_IMAGES = 10_000  # that are looked at, from either set
_MOST_CLASSES = 20  # that a reader can tell apart by colour


@dataclass(frozen=True)
class Explored:
    """A trained model and its data. What several panels need is computed once.

    Attributes:
        params: the trained model.
        train_set: the images that it was trained on.
        test_set: images that it has not seen.
        key: every panel derives its own from it.
        metrics: the lines of the run's `metrics.jsonl`; none where they are unknown.
        density_kind: what is fitted to the latents: mixture or flow.
    """

    params: Params
    train_set: Dataset
    test_set: Dataset
    key: jax.Array
    metrics: Sequence[Mapping[str, Any]] = ()
    density_kind: str = "mixture"

    @property
    def model(self) -> Any:
        return self.params.model

    def derive_key(self, purpose: str) -> jax.Array:
        """Return a key of its own for every purpose."""
        return jax.random.fold_in(self.key, zlib.crc32(purpose.encode()))

    @property
    def encodes(self) -> bool:
        return isinstance(self.model, CanEncode)

    @cached_property
    def test_part(self) -> Dataset:
        """The test images that are looked at: up to 10,000, in random order."""
        return draw_examples(self.test_set, NUM_IMAGES)

    @cached_property
    def images(self) -> jax.Array:
        """The images of `test_part`, float32 [N, H, W, C] in [0, 1]."""
        return self.test_part.images / np.float32(255)

    @cached_property
    def train_images(self) -> jax.Array:
        """Up to 10,000 training images in random order, float32 [N, H, W, C] in [0, 1]."""
        return draw_examples(self.train_set, NUM_IMAGES).images / np.float32(255)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the classes; empty where they are too many to be told apart."""
        names = self.test_set.label_names
        return names if 2 <= len(names) <= _MOST_CLASSES else ()

    @property
    def labels(self) -> np.ndarray:
        """The labels of `images`, [N]; zeros where there are no `label_names`."""
        labels = np.asarray(self.test_part.labels)
        return labels if self.label_names else np.zeros_like(labels)

    @cached_property
    def z(self) -> jax.Array:
        """The latents of `images`."""
        return encode(self.params, self.images)

    @cached_property
    def use(self) -> LatentUse:
        """How the latents are used for `images`."""
        return latent_use(self.params, self.images, self.derive_key("use"))

    @cached_property
    def density(self) -> LatentDensity:
        """A mixture of Gaussians, or a flow, fitted to the latents of `train_images`."""
        images, kind = self.train_images, self.density_kind
        components = min(20, -(-len(images) // 100))
        return fit_density(self.params, images, self.derive_key("density"), components, kind=kind)


@dataclass(frozen=True)
class Panel:
    """A picture with its explanation, for models with a capability.

    Attributes:
        name: its anchor and the name of its file.
        title: its heading.
        code: the lines of Python that make it.
        capability: the protocol that the model must satisfy.
        when: what else must be true.
        draw: draws it to a path and returns the text beside it.
    """

    name: str
    title: str
    code: str
    capability: type
    when: Callable[[Explored], bool]
    draw: Callable[[Explored, Path], str]

    def suits(self, explored: Explored) -> bool:
        """Tell whether the model and its data have what the panel shows."""
        return isinstance(explored.model, self.capability) and self.when(explored)


PANELS: list[Panel] = []


def panel(
    title: str,
    code: str,
    capability: type,
    when: Callable[[Explored], bool] = lambda explored: True,
) -> Callable:
    """Decorate a function that draws: add it to `PANELS`, under its own name."""

    def add(draw: Callable[[Explored, Path], str]) -> Callable[[Explored, Path], str]:
        PANELS.append(Panel(draw.__name__, title, code, capability, when, draw))
        return draw

    return add
