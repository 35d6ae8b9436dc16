"""Work that waits: arrivals by the time of day, a capacity that fails at times, and what is left over.

A queue that takes in a[t] and can serve c[t] holds q[t] = max(0, q[t-1] + a[t] - c[t]) (Lindley), which
is S[t] - min(0, min over s <= t of S[s]) for the running sum S of a - c: two passes, no loop.
"""

import numpy as np

from toto.training.synthetic.autoregression import ornstein_uhlenbeck
from toto.training.synthetic.calendar import calendar
from toto.training.synthetic.counters import since_last
from toto.training.synthetic.draws import (
    Column,
    Series,
    fill_by_choice,
    log_uniform,
    normal,
    standardise,
    steps,
    uniform,
)
from toto.training.synthetic.events import impulses


def arrivals(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A rate of mean about 1 that follows a calendar, wanders and is noisy; never below 0."""
    season = standardise(calendar(rng, num_series, length))
    wander = ornstein_uhlenbeck(rng, num_series, length)
    rate = 1.0 + uniform(rng, num_series, 0.2, 1.5) * season + uniform(rng, num_series, 0.0, 0.3) * wander
    return np.maximum(rate, 0.0) * single_arrivals(rng, num_series, length)


def single_arrivals(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """What a rate is multiplied by at every step: 1 on average, from nearly even to bursty."""
    spread = log_uniform(rng, num_series, 0.01, 1.0)
    return np.exp(spread * normal(rng, num_series, length) - 0.5 * spread**2)


def waiting(arriving: Series, capacity: Series) -> Series:
    """What waits after every step, in the units of `arriving`."""
    total = np.cumsum(arriving - capacity, axis=1, dtype=np.float64)
    return (total - np.minimum(np.minimum.accumulate(total, axis=1), 0.0)).astype(np.float32)


def served(arriving: Series, left: Series) -> Series:
    """What leaves at every step: arrivals less the growth of the queue."""
    return arriving - np.diff(left, axis=1, prepend=np.float32(0.0))


def capacity(rng: np.random.Generator, num_series: int, length: int, spare: Column) -> Series:
    """`spare` times the mean arrivals; 0 during outages, which most series have none of.

    Up to three a series, 3 steps to a twentieth of the series long.
    """
    rate = np.maximum(uniform(rng, num_series, -5.0, 3.0), 0.0) / np.float32(length)
    failures = impulses(rng, rate, length)
    since = since_last(failures, np.repeat(steps(length), num_series, axis=0))
    duration = log_uniform(rng, num_series, 3.0, max(length / 20, 4.0))
    failed = np.maximum.accumulate(failures, axis=1) * (since < duration)
    return spare * (1.0 - failed)


def throughput(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """What a system completes: arrivals, cut at its capacity, nothing in an outage, a surge after it."""
    arriving = arrivals(rng, num_series, length)
    limit = capacity(rng, num_series, length, log_uniform(rng, num_series, 1.2, 4.0))
    return served(arriving, waiting(arriving, limit))


def backlog(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """What waits: empty most of the time, grows in peaks and outages, drains afterwards."""
    arriving = arrivals(rng, num_series, length)
    limit = capacity(rng, num_series, length, log_uniform(rng, num_series, 1.05, 2.0))
    return waiting(arriving, limit)


def in_progress(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """What was completed within a moving window of 4 steps to a tenth of the series: smooth, then 0."""
    completed = throughput(rng, num_series, length)
    window = log_uniform(rng, num_series, 4.0, max(length / 10, 5.0)).astype(np.int64)
    total = np.cumsum(completed, axis=1, dtype=np.float64)
    earlier = np.arange(length)[None] - window
    before = np.take_along_axis(total, np.maximum(earlier, 0), axis=1)
    # before the first step as much was completed as in it
    before += np.minimum(earlier, 0) * completed[:, :1]
    return ((total - before) / window).astype(np.float32)


def any_queue(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    return fill_by_choice(rng, num_series, length, [(throughput, 2.0), (backlog, 1.0), (in_progress, 2.0)])
