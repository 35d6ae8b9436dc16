"""Variates that belong together: common factors, delayed copies, sums, stages of one system.

Groups are made from independent standardised series by mixing them; the kinds differ in what
one variate tells about another. Some groups stay independent, so that a model learns to look
before it trusts a neighbour.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

from toto.training.synthetic.calendar import one_calendar
from toto.training.synthetic.draws import chosen, log_uniform, normal, sign, standardise, uniform
from toto.training.synthetic.queues import capacity, served, waiting

Members = Float32[np.ndarray, "variates margin_and_time"]
Variates = Float32[np.ndarray, "variates time"]
Delays = Int64[np.ndarray, " variates"]


def common_factors(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate follows one or two hidden series, plus a part of its own."""
    num_factors = int(rng.integers(1, 3))
    factors = members[rng.permutation(len(members))[:num_factors]]
    loadings = normal(rng, len(members), len(factors))
    own = log_uniform(rng, len(members), 0.03, 1.5)
    return (standardise(loadings @ factors) + own * members)[:, margin:]


def delayed_copies(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate repeats the first one 0 to `margin` steps later, up or down, plus a part of its own."""
    own = log_uniform(rng, len(members), 0.01, 0.7)
    sides = np.where(uniform(rng, len(members), 0.0, 1.0) < 0.75, np.float32(1.0), np.float32(-1.0))
    delays = rng.integers(0, margin + 1, len(members)) * (rng.random(len(members)) < 0.8)
    return sides * delayed(members[0], delays, margin) + own * members[:, margin:]


def delayed(leader: Float32[np.ndarray, " margin_and_time"], delays: Delays, margin: int) -> Variates:
    """One copy of the leader per delay, each without the first `margin` steps."""
    length = len(leader) - margin
    return np.stack([leader[margin - delay : margin - delay + length] for delay in delays])


def echoes(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate is a sum of three delayed copies of the first: the same cycles in another shape."""
    own = log_uniform(rng, len(members), 0.01, 1.0)
    total = np.zeros((len(members), members.shape[1] - margin), dtype=np.float32)
    for _ in range(3):
        delays = rng.integers(0, margin + 1, len(members))
        total += normal(rng, len(members), 1) * delayed(members[0], delays, margin)
    return standardise(total) + own * members[:, margin:]


def parts_and_sum(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """The last variate is the weighted sum of the others: hosts and their cluster."""
    series = members[:, margin:].copy()
    if len(series) > 1:
        series[-1] = uniform(rng, len(series) - 1, 0.2, 1.0)[:, 0] @ series[:-1]
    return series


def shares_of_a_whole(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Positive variates that add up to 1: kinds of requests, states of a processor."""
    size = np.exp(uniform(rng, len(members), 0.2, 1.0) * members[:, margin:] + normal(rng, len(members), 1))
    return size / size.sum(axis=0)


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


def saturating_responses(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Every variate is its own bent function of one load: flat below, flat above, or growing ever faster."""
    load = members[:1] + uniform(rng, len(members), -1.5, 1.5)
    bent = np.tanh(log_uniform(rng, len(members), 0.3, 3.0) * load)
    growing = chosen(rng, len(members), 0.4)
    bent[growing] = np.exp(uniform(rng, len(growing), 0.3, 1.2) * load[growing].clip(-4.0, 4.0))
    own = log_uniform(rng, len(members), 0.01, 0.5)
    return (sign(rng, len(members)) * standardise(bent) + own * members)[:, margin:]


def same_calendar(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Variates with one sampling interval and one calendar, shapes and parts of their own."""
    seasons = standardise(one_calendar(rng, len(members), members.shape[1]))
    own = log_uniform(rng, len(members), 0.02, 1.5)
    return (seasons + own * members)[:, margin:]


def stages(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """A chain of queues: what leaves one stage arrives at the next; some variates count what waits."""
    num_stages, length = members.shape
    rate = 1.0 + uniform(rng, num_stages, 0.2, 1.0) * members
    limits = capacity(rng, num_stages, length, log_uniform(rng, num_stages, 1.2, 4.0))
    arriving = np.maximum(rate[:1], 0.0)
    shown = np.empty_like(members)
    for stage in range(num_stages):
        left = waiting(arriving, limits[stage : stage + 1])
        arriving = served(arriving, left)
        shown[stage] = left if rng.random() < 0.2 else arriving
    return standardise(shown)[:, margin:] + log_uniform(rng, num_stages, 0.01, 0.3) * members[:, margin:]


def independent(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Unrelated variates that share a group."""
    return members[:, margin:]


Relation = Callable[[np.random.Generator, Members, int], Variates]
RELATIONS: dict[str, tuple[Relation, float]] = {
    "common factors": (common_factors, 0.25),
    "same calendar": (same_calendar, 0.1),
    "echoes": (echoes, 0.1),
    "delayed copies": (delayed_copies, 0.12),
    "cause and response": (cause_and_response, 0.08),
    "saturating responses": (saturating_responses, 0.08),
    "parts and sum": (parts_and_sum, 0.06),
    "shares of a whole": (shares_of_a_whole, 0.03),
    "stages": (stages, 0.05),
    "independent": (independent, 0.13),
}


def relate(rng: np.random.Generator, members: Members, margin: int) -> Variates:
    """Turn standardised independent series into the variates of one group by a random relation.

    The first `margin` steps are history for delays and are cut off: [members, margin + time] in,
    [members, time] out.
    """
    weights = np.array([weight for _, weight in RELATIONS.values()])
    relations = [relation for relation, _ in RELATIONS.values()]
    return relations[int(rng.choice(len(relations), p=weights / weights.sum()))](rng, members, margin)
