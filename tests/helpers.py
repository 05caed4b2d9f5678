"""Data small enough to train on at once, and models of a few weights."""

import dataclasses
from pathlib import Path

import genjax.models  # noqa: F401  registers the models
from genjax.model import MODELS, Model
from genjax.testing import are_same as same
from genjax.testing import draw_blobs as blobs

__all__ = ["NAMES", "ROOT", "blobs", "same", "small"]

ROOT = Path(__file__).parent.parent
# of the models of genjax; tests register others
NAMES = sorted(name for name, cls in MODELS.items() if cls.__module__.startswith("genjax."))


def small(name: str, **fields) -> Model:
    """The smallest form of a registered model; fields that it lacks are left out."""
    cls = MODELS[name]
    known = {field.name for field in dataclasses.fields(cls)}
    kept = {field: value for field, value in fields.items() if field in known}
    return dataclasses.replace(cls.smallest(), **kept)
