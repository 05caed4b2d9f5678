"""Probability distributions over arrays: `sample`, `log_prob` and `mean`.

Every distribution is a pytree. The trailing axes of one draw are its event, so `log_prob` sums over
everything but the first axis.
"""

from genjax.distributions.elementary import (
    Bernoulli,
    Distribution,
    Normal,
    OptimalNormal,
    dequantize,
    flip_coins,
    is_active,
    kl_to_standard_normal,
    standard_normal_like,
    sum_event,
    total_correlation,
)
from genjax.distributions.logistic import DiscretizedLogistic, LogisticMixture

__all__ = [
    "Bernoulli",
    "DiscretizedLogistic",
    "Distribution",
    "LogisticMixture",
    "Normal",
    "OptimalNormal",
    "dequantize",
    "flip_coins",
    "is_active",
    "kl_to_standard_normal",
    "standard_normal_like",
    "sum_event",
    "total_correlation",
]
