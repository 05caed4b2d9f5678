"""How fair a classifier and a sample are to groups of images whose group training does not know.

Of N images of groups 0..G-1, r_n = 1 where the classifier is right about image n, else 0:

(1) accuracy of g = mean of r_n over the images of g
(2) worst group   = min_g (1);   gap = max_g (1) - min_g (1)
(3) share of g    = sum of p_n over the images of g,  image n being drawn with probability p_n

Each group weighs the same in (2), however few images it has; so every group needs enough of them in
the test set.
"""

import numpy as np
from jaxtyping import Float, Integer, Num

from genjax.errors import UserError


def group_accuracies(
    right: Num[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> dict[str, float]:
    """Compute the accuracy of every group (1), the worst and the gap (2).

    Args:
        right: 0 or 1 for each image.
        groups: the group of each image, from 0 on.

    Returns:
        `accuracy_group_0`, ..., `worst_group_accuracy`, `group_gap`.

    Raises:
        UserError: where a group between 0 and the last one has no images.

    >>> group_accuracies(np.array([1, 0, 1]), np.array([0, 0, 1]))["group_gap"]
    0.5
    """
    if not len(groups) or groups.min() < 0:
        raise UserError("groups are numbered from 0 on, and there must be at least one image.")
    sizes = np.bincount(groups)
    if empty := np.flatnonzero(sizes == 0).tolist():
        raise UserError(
            f"none of the {len(groups)} images is of group {', '.join(map(str, empty))}: measure"
            " on more images, or number the groups from 0 on."
        )
    accuracies = np.bincount(groups, weights=right) / sizes  # (1)
    return {f"accuracy_group_{g}": float(value) for g, value in enumerate(accuracies)} | {
        "worst_group_accuracy": float(accuracies.min()),  # (2)
        "group_gap": float(np.ptp(accuracies)),
    }


def group_shares(
    p: Num[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, " groups"]:
    """Compute the share (3) of every group in a sample that draws image n with probability `p`[n].

    >>> group_shares(np.array([0.5, 0.25, 0.25]), np.array([0, 1, 1]))
    array([0.5, 0.5])
    """
    return np.bincount(groups, weights=p)
