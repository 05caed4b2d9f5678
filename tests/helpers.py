"""Data small enough to train on at once, and models of a few weights."""

import dataclasses
from pathlib import Path

import genjax.models  # noqa: F401  registers the models
from genjax.model import MODELS, Model
from genjax.testing import are_same as same
from genjax.testing import draw_blobs as blobs

__all__ = ["ROOT", "blobs", "same", "small"]

ROOT = Path(__file__).parent.parent


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
