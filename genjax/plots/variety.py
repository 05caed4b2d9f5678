"""What a report says of the two ways in which a GAN of few images fails: collapse and copying."""

from collections.abc import Mapping, Sequence
from typing import Any

_ALIKE = 0.3  # diversity at which samples have collapsed
_NEARER, _COPIES = 0.8, 0.1  # memorisation, and share of copies, at which the images are learned
_NEAR = 0.5  # of the way there, from which the report says so


def describe_variety(result: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> str:
    """Say how near the samples are to being alike, and to being copies; "" where it is not known.

    Args:
        result: the content of `result.json`.
        lines: the metrics of the epochs, whose last one has the diversity of the samples.

    >>> result = {"nearer_to_train": 0.52, "copies": 0.0}
    >>> describe_variety(result, [{"diversity": 0.9}]).partition(":")[0]
    'The samples neither are alike nor copy training images'
    """
    diversity = next((n for line in lines[::-1] if (n := line.get("diversity")) is not None), None)
    nearer, copies = (result.get(name) for name in ("nearer_to_train", "copies"))
    if diversity is None or nearer is None or copies is None:
        return ""
    collapse = (1 - diversity) / (1 - _ALIKE)
    copying = max((nearer - 0.5) / (_NEARER - 0.5) * (copies > 0), copies / _COPIES)
    numbers = (
        f"their diversity is {diversity:.2f} of the data's, {copies:.1%} nearly equal a training"
        f" image, and the memorisation is {nearer:.2f} (0.5: none, 1: all are copies)."
    )
    if max(collapse, copying) < _NEAR:
        return f"The samples neither are alike nor copy training images: {numbers}"
    if copying > collapse:
        return (
            f"The samples are near to copying the training images: {numbers} Fewer steps, random"
            " changes of what the discriminator sees (model.augment), or more images may help."
        )
    return (
        f"The samples are near to being alike: {numbers} The loss relativistic with model.r1 and"
        " model.r2, or a smaller learning rate, may help."
    )
