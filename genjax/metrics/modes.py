"""Which classes a model covers, by the labels that a classifier gives its samples.

(1) share_c = n_c / N                                      n_c of N samples are of class c
(2) modes   = #{c: n_c > 0}
(3) KL(share || expected) = sum_c share_c log(share_c / expected_c),    nats

Expected are the shares of the data, or even shares, 1 / C of C classes, where these are not known.
(2) and (3) over 26,000 samples of stacked digits, C = 1,000, expected even, are the protocol of
Srivastava et al. 2017, "VEEGAN", arXiv:1705.07761, and Lin et al. 2018, "PacGAN", arXiv:1712.04086.
Both depend on N: data drawn evenly give 1,000 modes and a KL of about (C-1) / 2N.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_labels
from genjax.metrics.classifiers import Predictions

_LISTED = 20  # classes: the shares of more say nothing to a reader


def shares(labels: ArrayLike, num_classes: int) -> Float[np.ndarray, " classes"]:
    """Compute (1) of labels, int [N], from 0 to `num_classes` - 1.

    >>> shares([0, 0, 1, 3], 4)
    array([0.5 , 0.25, 0.  , 0.25])
    """
    check_labels(labels, num_classes)
    if not np.size(np.asarray(labels)):
        raise UserError("there are no labels to count.")
    return np.bincount(np.asarray(labels), minlength=num_classes) / len(np.asarray(labels))


def count_modes(shares: Float[np.ndarray, " classes"]) -> int:
    """Count the classes that occur, (2)."""
    return int(np.count_nonzero(shares))


def class_divergence(
    shares: Float[np.ndarray, " classes"], expected: Float[np.ndarray, " classes"] | None = None
) -> float:
    """Compute (3), in nats; a class without samples adds nothing. Even shares are the default.

    >>> class_divergence(np.array([0.9, 0.1]), np.array([0.9, 0.1]))
    0.0
    """
    expected = np.full(len(shares), 1 / len(shares)) if expected is None else expected
    present = shares > 0
    return float(np.sum(shares[present] * np.log(shares[present] / expected[present])))


def expected_shares(labels: ArrayLike, num_classes: int) -> Float[np.ndarray, " classes"] | None:
    """Return the shares of the data's classes, or None where samples are expected to be even.

    So they are of more than 20 classes, and where the data lack a class.
    """
    if num_classes > _LISTED:
        return None
    found = shares(labels, num_classes)
    return found if np.all(found > 0) else None


def class_coverage(
    predictions: Predictions,
    num_classes: int,
    expected: Float[np.ndarray, " classes"] | None = None,
) -> dict[str, Any]:
    """Summarise what a classifier of `num_classes` classes finds in samples, ready for JSON.

    Returns:
        `modes` (2) and `modes_kl` (3); `least_share`, the smallest of (1); `confidence`, the mean
        probability of the most probable class; for up to 20 classes `shares`, all of (1).
    """
    share = shares(predictions.labels, num_classes)
    result = {
        "modes": count_modes(share),
        "modes_kl": class_divergence(share, expected),
        "least_share": float(share.min()),
        "confidence": float(np.mean(predictions.confidence, dtype=np.float64)),
    }
    return result | ({"shares": share.tolist()} if num_classes <= _LISTED else {})
