"""Data small enough to train on at once, and models of a few weights."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from genjax.data import Dataset, from_arrays
from genjax.model import MODELS, Model

ROOT = Path(__file__).parent.parent


def blobs(count: int = 50, image_shape=(8, 8, 1), seed: int = 0) -> Dataset:
    """Images of one bright spot each, labelled by the half that it lies in."""
    rng = np.random.default_rng(seed)
    height, width, channels = image_shape
    centres = rng.uniform(1, [height - 2, width - 2], (count, 2))
    rows, columns = np.mgrid[:height, :width]
    distance = (rows - centres[:, 0, None, None]) ** 2 + (columns - centres[:, 1, None, None]) ** 2
    images = np.repeat((255 * np.exp(-distance / 3)).astype(np.uint8)[..., None], channels, axis=3)
    labels = (centres[:, 0] > height / 2).astype(np.int32)
    return from_arrays(images, labels, ("top", "bottom"), name="blobs")


def small(name: str, **fields) -> Model:
    """A registered model with networks of a few weights; fields that it lacks are left out."""
    cls = MODELS[name]
    tiny = {
        "channels": (4, 8),
        "hidden": (16,),
        "discriminator_hidden": (16,),
        "width": 4,
        "discriminator_width": 4,
        "feature_layer": 1,
        "latent_dim": 3,
        "bins": 2,
    } | fields
    known = {field.name for field in dataclasses.fields(cls)}
    return cls(**{name: value for name, value in tiny.items() if name in known})


def same(left, right) -> bool:
    """Equal to the last bit."""
    return jax.tree.structure(left) == jax.tree.structure(right) and all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    )
