"""Which of its data's modes a model covers, by the labels that a classifier gives its samples.

(1) share_c = n_c / N                                      n_c of N samples are of class c
(2) modes   = #{c: n_c > 0}
(3) KL(share || uniform) = sum_c share_c log(share_c / (1 / C)),    C classes, nats

(2) and (3) over 26,000 samples of stacked digits, C = 1,000, are the protocol of Srivastava et al.
2017, "VEEGAN", arXiv:1705.07761, and Lin et al. 2018, "PacGAN", arXiv:1712.04086. Both
depend on N: data drawn uniformly give 1,000 modes and a KL of about (C-1) / 2N.
"""

from typing import Any

import numpy as np

from genjax.metrics.classifiers import Predictions

_LISTED = 20  # shares of more classes than these say nothing to a reader


def shares(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """(1): labels int [N] in 0..num_classes - 1 -> [num_classes], the sum 1."""
    return np.bincount(labels, minlength=num_classes) / len(labels)


def modes(shares: np.ndarray) -> int:
    """(2)"""
    return int(np.count_nonzero(shares))


def kl_to_uniform(shares: np.ndarray) -> float:
    """(3), nats: from 0 to log C; a class without samples adds nothing."""
    present = shares[shares > 0]
    return float(np.sum(present * np.log(present * len(shares))))


def class_coverage(predictions: Predictions, num_classes: int) -> dict[str, Any]:
    """What a classifier of `num_classes` classes saw in samples, ready for JSON.

    `modes` (2) and `modes_kl` (3); `least_share`, the smallest of (1); `confidence`, the mean
    probability of the most probable class; for up to 20 classes `shares`, all of (1).
    """
    share = shares(predictions.labels, num_classes)
    result = {
        "modes": modes(share),
        "modes_kl": kl_to_uniform(share),
        "least_share": float(share.min()),
        "confidence": float(np.mean(predictions.confidence, dtype=np.float64)),
    }
    return result | ({"shares": share.tolist()} if num_classes <= _LISTED else {})
