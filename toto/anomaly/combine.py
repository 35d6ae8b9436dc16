"""One probability for a group of variates from one for each: Simes or Fisher."""

from collections.abc import Callable
from math import log

import numpy as np
from jaxtyping import Bool, Float

LogP = Float[np.ndarray, "variates time"]  # to base 10; NaN where a variate has none
Combined = Float[np.ndarray, " time"]


def simes(log10_p: LogP) -> Combined:
    """Simes (1986): the smallest of n p_(i) / i over the sorted probabilities.

    It is right for independent variates, and for those that move together. One variate that is far out is
    enough, and several that are somewhat out help each other.
    """
    known = np.isfinite(log10_p)
    count = known.sum(0)
    ordered = np.sort(np.where(known, log10_p, np.inf), axis=0)
    ranks = np.arange(1, len(log10_p) + 1)[:, None]
    best = (ordered - np.log10(ranks)).min(0) + np.log10(np.maximum(count, 1))
    return np.where(count > 0, np.minimum(best, 0.0), np.nan)


def fisher(log10_p: LogP) -> Combined:
    """Fisher (1932): the product of all probabilities, whose logarithm has a chi-squared tail.

    For independent variates, all of which are somewhat out; of those that move together it makes too much,
    which a threshold calibrated on their own history takes back.
    """
    known = np.isfinite(log10_p)
    count = known.sum(0)
    half = -np.where(known, log10_p, 0.0).sum(0) * log(
        10
    )  # half of chi-squared with 2 count degrees of freedom
    log_half = np.log(np.maximum(half, np.finfo(np.float64).tiny))
    terms = np.stack([i * log_half - _log_factorial(i) for i in range(len(log10_p))])
    terms = np.where(np.arange(len(terms))[:, None] < count, terms, -np.inf)
    highest = np.where(count > 0, terms.max(0), 0.0)
    total = np.where(count > 0, np.exp(terms - highest).sum(0), 1.0)
    log_p = highest - half + np.log(total)
    return np.where(count > 0, np.minimum(log_p / log(10), 0.0), np.nan)


COMBINATIONS: dict[str, Callable[[LogP], Combined]] = {"simes": simes, "fisher": fisher}


def to_blame(
    log10_p: Float[np.ndarray, " variates"], log10_level: float | int
) -> Bool[np.ndarray, " variates"]:
    """The variates that stand out at one step: those that Benjamini and Hochberg (1995) reject at the level.

    At least the one that stands out most; of variates without a value none.
    """
    known = np.isfinite(log10_p)
    ordered = np.sort(log10_p[known])
    if not len(ordered):
        return known
    ranks = np.arange(1, len(ordered) + 1)
    rejected = np.flatnonzero(ordered - np.log10(ranks / len(ordered)) <= log10_level)
    return known & (log10_p <= ordered[rejected[-1] if len(rejected) else 0])


def _log_factorial(number: int) -> float:
    return float(np.log(np.arange(1, number + 1)).sum())
