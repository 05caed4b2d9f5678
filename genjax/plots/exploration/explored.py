"""A run that is explored, and the table of the figures that can be drawn of it.

A figure is a function of the run and of a path, which it draws to; it returns the text that stands
beside the picture. `FIGURES` holds them in the order of the page.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

import genjax
from genjax.data import Dataset
from genjax.latents import LatentUse
from genjax.model import CanEncode, Params

_IMAGES = 10_000  # that are looked at, of either set
_MOST_CLASSES = 20  # that a reader can tell apart


@dataclass(frozen=True)
class Explored:
    """A trained model and its data; what several figures need is computed once."""

    params: Params
    train_set: Dataset
    test_set: Dataset
    key: jax.Array

    @property
    def model(self) -> Any:
        return self.params.model

    def key_of(self, purpose: str) -> jax.Array:
        """A key of its own for every purpose."""
        return jax.random.fold_in(self.key, zlib.crc32(purpose.encode()))

    @property
    def encodes(self) -> bool:
        return isinstance(self.model, CanEncode)

    @cached_property
    def images(self) -> jax.Array:
        """Of the test set, float32 [N, H, W, C]."""
        return self.test_set.images[:_IMAGES] / 255.0

    @cached_property
    def known_images(self) -> jax.Array:
        """Of the training set, float32 [N, H, W, C]."""
        return self.train_set.images[:_IMAGES] / 255.0

    @property
    def label_names(self) -> tuple[str, ...]:
        """None where the classes are too many to be told apart."""
        names = self.test_set.label_names
        return names if 2 <= len(names) <= _MOST_CLASSES else ()

    @property
    def labels(self) -> np.ndarray:
        """Of `images`, [N]; zeros where there are no `label_names`."""
        labels = np.asarray(self.test_set.labels[:_IMAGES])
        return labels if self.label_names else np.zeros_like(labels)

    @cached_property
    def z(self) -> jax.Array:
        """The latents of `images`."""
        return genjax.encode(self.params, self.images)

    @cached_property
    def use(self) -> LatentUse:
        return genjax.latent_use(self.params, self.images, self.key_of("use"))

    @cached_property
    def density(self) -> genjax.LatentDensity:
        images = self.known_images
        return genjax.fit_density(
            self.params, images, self.key_of("density"), min(20, -(-len(images) // 100))
        )


@dataclass(frozen=True)
class Figure:
    """`draw(explored, path)` draws it, where the model has the `capability` and `when` is true."""

    name: str
    title: str
    code: str
    capability: type
    when: Callable[[Explored], bool]
    draw: Callable[[Explored, Path], str]


FIGURES: list[Figure] = []


def figure(
    title: str,
    code: str,
    capability: type,
    when: Callable[[Explored], bool] = lambda explored: True,
) -> Callable:
    """Decorator: adds a function to `FIGURES`, under its own name."""

    def add(draw: Callable[[Explored, Path], str]) -> Callable[[Explored, Path], str]:
        FIGURES.append(Figure(draw.__name__, title, code, capability, when, draw))
        return draw

    return add


def allowed(explored: Explored) -> list[Figure]:
    """The figures that this run has all parts for."""
    return [f for f in FIGURES if isinstance(explored.model, f.capability) and f.when(explored)]
