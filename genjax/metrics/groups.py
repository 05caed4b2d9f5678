"""How fair is a classifier, and a sample, to groups of images that training knows nothing of?

Of N images of groups 0..G-1, r_n = 1 where the classifier is right about image n, else 0:

(1) accuracy of g = mean of r_n over the images of g
(2) worst group   = min_g (1);   gap = max_g (1) - min_g (1)
(3) share of g    = sum of p_n over the images of g,  image n being drawn with probability p_n

Each group weighs the same in (2), however few images it has; so every group needs enough of them in
the test set.
"""

import numpy as np

from genjax.errors import UserError


def group_accuracies(right: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """(1) and (2), of `right` [N], 0 or 1, and `groups` int [N]:
    `accuracy_group_0`, ..., `worst_group_accuracy`, `group_gap`.

    Raises `UserError` where a group between 0 and the last one has no images.
    """
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


def group_shares(p: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(3): probabilities [N], whose sum is 1, and `groups` int [N] -> [G]."""
    return np.bincount(groups, weights=p)
