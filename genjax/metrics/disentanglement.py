"""Disentanglement: whether single latents stand for single factors of the data.

Of codes z [N, D] and factors v_1..v_K that take whole values:

(1) I(z_d; v_k) = sum_b,v p(b, v) log p(b, v) / (p(b) p(v)),   b the bin of z_d among 20 of one
                  width between its least and its greatest value, p shares of the N; outliers, more
                  than twice the width of the middle 90% away from it, count to the outermost bins
(2) MIG = mean_k (I(z_i; v_k) - I(z_j; v_k)) / H(v_k),   i and j the most and the second most
                  informative latents of k          Chen et al. 2018, arXiv:1802.04942, section 4.1
(3) R_dk          how much a random forest that predicts v_k from z relies on z_d, sum_d R_dk = 1
(4) disentanglement = sum_d rho_d (1 - H_K(R_d. / sum_k R_dk)),  rho_d = sum_k R_dk / sum R
(5) completeness    = mean_k (1 - H_D(R_.k / sum_d R_dk)),       H_n the entropy to the base n
(6) informativeness = mean_k of the forest's accuracy on codes that it has not seen
                  (3) to (6), "DCI": Eastwood & Williams 2018, "A framework for the quantitative
                  evaluation of disentangled representations", section 2

Binning the means of q(z|x), 20 bins, and accuracy for (6) are as in Locatello et al. 2019,
arXiv:1811.12359, appendix C; their forests are boosted trees. All lie in [0, 1]; 1 is best. Random
codes give (2), (4) and (5) near 0, but in (6) the accuracy of guessing. Binning makes
(1) too large by about 19 (values of v_k - 1) / 2N nats, which the difference (2) takes out again,
but for the luck of the best.

Of a posterior q(z|x) = N(mu(x), diag sigma(x)^2):

(7) Cov[z] = Cov_x[mu(x)] + diag E_x[sigma(x)^2]     of the aggregate posterior E_x q(z|x)
(8) latent correlation = the mean of |rho_de| over d != e, rho the correlation of (7), of active
                  latents only (genjax.distributions.is_active): the others are noise
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.errors import UserError
from genjax.runs.progress import progress as progress_bar

LEAST = 20  # codes: metrics of fewer say nothing
_BINS = 20
_REACH = 2.0  # widths of the middle 90%, beyond which a code is an outlier
_TREES = 50
_LEAF = 5  # codes: smaller leaves learn noise
_MOST_FOR_FORESTS = 5_000  # codes: beyond, the forests take long and change little
_SHARE_UNSEEN = 0.25
Factors = Mapping[str, np.ndarray]  # name -> int [N]


def varying(factors: Factors) -> dict[str, np.ndarray]:
    """Return the factors that take more than one value."""
    return {name: values for name, values in factors.items() if np.ptp(values) > 0}


def entropy(shares: np.ndarray) -> np.ndarray | np.float64:
    """Compute the entropy in nats of shares [..., n], which sum to 1 over the last axis.

    >>> entropy(np.array([0.5, 0.5])).round(3)
    np.float64(0.693)
    """
    return -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=-1)


def mutual_information(left: np.ndarray, right: np.ndarray) -> float:
    """Compute (1) in nats of two lists of whole numbers from 0 on, int [N].

    Of a list with itself it is the entropy.

    >>> bits = np.array([0, 1, 0, 1])
    >>> mutual_information(bits, bits) / np.log(2)
    np.float64(1.0)
    """
    joint = np.zeros((left.max() + 1, right.max() + 1))
    np.add.at(joint, (left, right), 1 / len(left))
    alone = entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1))
    return float(alone - entropy(joint.ravel()))  # (1), as H(b) + H(v) - H(b, v)


def mutual_information_gap(codes: ArrayLike, factors: Factors) -> float:
    """Compute the gap (2) of codes [N, D]. Factors that do not vary are left out.

    Raises:
        UserError: if codes and factors do not fit together, there are fewer than `LEAST`, a code is
            not finite, or no factor varies.
    """
    points, numbers = _checked(codes, factors)
    gaps = []
    for v in numbers:
        second, first = np.sort([0.0, *(mutual_information(_binned(z), v) for z in points.T)])[-2:]
        gaps.append((first - second) / mutual_information(v, v))
    return float(np.mean(gaps))  # (2)


def dci(codes: ArrayLike, factors: Factors, progress: bool = False) -> dict[str, float]:
    """Compute `disentanglement` (4), `completeness` (5) and `informativeness` (6) of codes [N, D].

    Of more than 5,000 codes, 5,000 are drawn at random but always the same. The forests see three
    quarters of them. Factors that do not vary are left out.

    Args:
        codes: [N, D].
        factors: name -> int [N].
        progress: show a bar.

    Raises:
        UserError: as `mutual_information_gap`.
    """
    points, numbers = _checked(codes, factors)
    order = np.random.default_rng(0).permutation(len(points))[:_MOST_FOR_FORESTS]
    bar = progress_bar([v[order] for v in numbers], unit=" factors", desc="DCI", show=progress)
    importances, accuracies = _forests(points[order], bar)
    return {
        "disentanglement": disentanglement(importances),
        "completeness": completeness(importances),
        "informativeness": float(np.mean(accuracies)),  # (6)
    }


def disentanglement(importances: np.ndarray) -> float:
    """Compute (4), from 0 to 1, of R [D, K]."""
    total = importances.sum()
    weights = importances.sum(axis=1) / (total or 1.0)
    return float(np.sum(weights * _concentration(importances)))


def completeness(importances: np.ndarray) -> float:
    """Compute (5), from 0 to 1, of R [D, K]."""
    return float(np.mean(_concentration(importances.T)))


def aggregate_correlation(means: ArrayLike, scales: ArrayLike) -> np.ndarray:
    """Compute rho [D, D], (7), from means and standard deviations of q(z|x) of many x, [N, D]."""
    means, scales = np.asarray(means, np.float64), np.asarray(scales, np.float64)
    covariance = np.cov(means, rowvar=False, ddof=0).reshape(2 * means.shape[1:])
    covariance += np.diag(np.mean(scales**2, axis=0))
    deviations = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviations, deviations)


def latent_correlation(means: ArrayLike, scales: ArrayLike) -> float | None:
    """Compute (8), from 0 to 1, from the same; None where fewer than two latents are active."""
    chosen = is_active(means)
    if chosen.sum() < 2:
        return None
    means, scales = np.asarray(means)[:, chosen], np.asarray(scales)[:, chosen]
    correlation = aggregate_correlation(means, scales)
    others = ~np.eye(len(correlation), dtype=bool)
    return float(np.mean(np.abs(correlation[others])))


def _checked(codes: ArrayLike, factors: Factors) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the codes, and the factors that vary with their values numbered from 0 on."""
    points = np.asarray(codes, np.float64)
    if points.ndim != 2 or len(points) < LEAST or not np.all(np.isfinite(points)):
        raise UserError(
            f"codes {list(points.shape)} must be finite numbers [N, D], N at least {LEAST}."
        )
    for name, values in factors.items():
        if np.shape(values) != (len(points),):
            raise UserError(
                f"the factor {name!r} has shape {list(np.shape(values))}, but there are"
                f" {len(points)} codes: it must have one value for each."
            )
    numbers = [np.unique(v, return_inverse=True)[1] for v in varying(factors).values()]
    if not numbers:
        raise UserError("no factor takes more than one value: there is nothing to find in codes.")
    return points, numbers


def _binned(z: np.ndarray) -> np.ndarray:
    """Return the number of each code's bin, (1): [N] -> int [N]."""
    low, high = np.quantile(z, [0.05, 0.95], method="nearest")
    if reach := _REACH * (high - low):
        z = np.clip(z, low - reach, high + reach)
    return np.digitize(z, np.histogram_bin_edges(z, _BINS)[1:-1])


def _forests(codes: np.ndarray, numbers: Iterable[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """Return R [D, K], (3), how much splits at z_d purify leaves, and the accuracies (6), [K]."""
    from sklearn.ensemble import RandomForestClassifier

    seen = len(codes) - int(len(codes) * _SHARE_UNSEEN)
    importances, accuracies = [], []
    for v in numbers:
        # every split may choose among all latents: an idle one is taken only if it is the best
        forest = RandomForestClassifier(
            _TREES, max_features=None, min_samples_leaf=_LEAF, random_state=0, n_jobs=-1
        ).fit(codes[:seen], v[:seen])
        importances.append(forest.feature_importances_)
        accuracies.append(forest.score(codes[seen:], v[seen:]))
    return np.stack(importances, axis=1), accuracies


def _concentration(importances: np.ndarray) -> np.ndarray:
    """Compute 1 - H_n of the shares of each row [..., n]: 1 if in one place, 0 if evenly spread."""
    n, total = importances.shape[-1], importances.sum(axis=-1, keepdims=True)
    shares = np.where(total > 0, importances / np.where(total > 0, total, 1.0), 1 / n)
    return 1.0 - entropy(shares) / np.log(n) if n > 1 else np.ones(importances.shape[:-1])
