"""Estimate the standard error of a metric of samples by leaving out a part of them at a time.

(1) se^2 = (G - 1) / G sum_g (t_g - mean t)^2     t_g: the metric without the samples of group g
                                                  Efron & Stein 1981, Annals of Statistics 9(3)
"""

from collections.abc import Callable

import numpy as np

GROUPS = 10


def jackknife_error(
    metric: Callable[[np.ndarray], float], samples: np.ndarray, groups: int = GROUPS
) -> float:
    """Compute (1), the standard error of `metric` for samples in random order.

    Args:
        metric: a function of samples, of any number of them.
        samples: [N, ...]; nan for fewer than twice as many as groups.
        groups: G.

    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> bool(0.8 < jackknife_error(np.mean, x) / (x.std() / 1000**0.5) < 1.3)
    True
    """
    if len(samples) < 2 * groups:
        return float("nan")
    group = np.arange(len(samples)) % groups
    found = np.array([metric(samples[group != left_out]) for left_out in range(groups)])
    return float(np.sqrt((groups - 1) * np.var(found)))  # (1)
