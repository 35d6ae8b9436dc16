"""Variates that belong together: common factors, delayed copies, sums.

Groups are made from independent standardised series by mixing them; the kinds differ in what
one variate tells about another. Some groups stay independent, so that a model learns to look
before it trusts a neighbour.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.draws import log_uniform, normal, standardise, uniform

Members = Float32[np.ndarray, "variates margin_and_time"]
Variates = Float32[np.ndarray, "variates time"]


def common_factors(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate follows one or two hidden series, plus a part of its own."""
    num_factors = int(rng.integers(1, 3))
    factors = members[rng.permutation(len(members))[:num_factors]]
    loadings = normal(rng, len(members), len(factors))
    own = log_uniform(rng, len(members), 0.03, 1.5)
    return (standardise(loadings @ factors) + own * members)[:, margin:]


def delayed_copies(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate repeats the first one 0 to `margin` steps later, up or down, plus a part of its own."""
    length = members.shape[1] - margin
    own = log_uniform(rng, len(members), 0.01, 0.7)
    sides = np.where(uniform(rng, len(members), 0.0, 1.0) < 0.75, 1.0, -1.0).astype(np.float32)
    delays = rng.integers(0, margin + 1, len(members)) * (rng.random(len(members)) < 0.8)
    leader = members[0]
    copies = np.stack([leader[margin - delay : margin - delay + length] for delay in delays])
    return sides * copies + own * members[:, margin:]


def parts_and_sum(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """The last variate is the weighted sum of the others: hosts and their cluster."""
    series = members[:, margin:].copy()
    if len(series) > 1:
        series[-1] = uniform(rng, len(series) - 1, 0.2, 1.0)[:, 0] @ series[:-1]
    return series


def cause_and_response(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate answers the one before it: delayed, and smoothed over the delay."""
    series = members.copy()
    window = int(rng.integers(1, max(margin // len(members), 1) + 1))
    for index in range(1, len(series)):
        total = np.cumsum(series[index - 1], dtype=np.float64)
        smoothed = np.concatenate([np.zeros(window), total[window:] - total[:-window]]) / window
        response = standardise(smoothed[None].astype(np.float32))[0]
        series[index] = response + float(rng.uniform(0.02, 0.7)) * series[index]
    return series[:, margin:]


def independent(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Unrelated variates that share a group."""
    return members[:, margin:]


Relation = Callable[[np.random.Generator, Members, int], Variates]
RELATIONS: dict[str, tuple[Relation, float]] = {
    "common factors": (common_factors, 0.4),
    "delayed copies": (delayed_copies, 0.2),
    "parts and sum": (parts_and_sum, 0.1),
    "cause and response": (cause_and_response, 0.15),
    "independent": (independent, 0.15),
}


def relate(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Turn standardised independent series into the variates of one group by a random relation.

    The first `margin` steps are history for delays and are cut off: [members, margin + time] in,
    [members, time] out.
    """
    weights = np.array([weight for _, weight in RELATIONS.values()])
    relations = [relation for relation, _ in RELATIONS.values()]
    return relations[int(rng.choice(len(relations), p=weights / weights.sum()))](rng, members, margin)
