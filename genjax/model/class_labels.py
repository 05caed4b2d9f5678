"""Which models know classes, and which of their methods take labels."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

from genjax.model.base import Model
from genjax.model.capabilities import CanDecode, ClassConditional


@runtime_checkable
class GivesClasses(Protocol):
    """give its networks the class of an image"""

    @property
    def given_classes(self) -> int: ...


def is_class_conditional(model: Model) -> bool:
    """Tell whether the model can sample images of a chosen class."""
    return count_classes(model) > 0


def count_classes(model: Model) -> int:
    """Count the classes of which the model can sample images; 0 for none.

    Such a model has `num_classes`, and either `condition_latents` or a `decode` that takes labels.
    Where it has `given_classes`, these are the classes.
    """
    if isinstance(model, GivesClasses):
        return model.given_classes
    by_decoder = isinstance(model, CanDecode) and takes_labels(model.decode)
    knows = by_decoder or isinstance(model, ClassConditional)
    return getattr(model, "num_classes", 0) if knows else 0


def takes_labels(method: Callable[..., Any]) -> bool:
    """Tell whether a model's method takes the labels of the images.

    Of a model whose `given_classes` are 0 no method does.

    >>> takes_labels(lambda params, images, labels=None: images)
    True
    """
    model = getattr(method, "__self__", None)
    if isinstance(model, GivesClasses) and not model.given_classes:
        return False
    return "labels" in inspect.signature(method).parameters


def with_labels(method: Callable[..., Any], labels: Any) -> Callable[..., Any]:
    """Give a model's method the labels of the images, int [N], if it takes them.

    So `with_labels(model.encode, labels)(params, images)` serves every model. Without labels (None)
    the method decides by itself.
    """
    return partial(method, labels=labels) if takes_labels(method) else method
