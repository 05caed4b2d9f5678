"""The errors of genjax, and the checks of values that raise them.

family.py   the errors
values.py   checks of images, numbers and labels
fields.py   checks of the fields of configurations
"""

from genjax.errors.family import (
    CheckpointError,
    FileError,
    HostLost,
    MissingCapability,
    TrainingDiverged,
    UserError,
)
from genjax.errors.fields import (
    OneOf,
    check_fields,
    check_image_shape,
    check_new_name,
    check_serialisable,
    to_tuples,
)
from genjax.errors.values import (
    as_numpy,
    check_images,
    check_integer,
    check_labels,
    check_number,
    check_numbers,
    check_type,
)

__all__ = [
    "CheckpointError",
    "FileError",
    "HostLost",
    "MissingCapability",
    "OneOf",
    "TrainingDiverged",
    "UserError",
    "as_numpy",
    "check_fields",
    "check_image_shape",
    "check_images",
    "check_integer",
    "check_labels",
    "check_new_name",
    "check_number",
    "check_numbers",
    "check_serialisable",
    "check_type",
    "to_tuples",
]
