"""Counters that only grow until they are reset, and memory that fills and is freed."""

import numpy as np

from toto.training.synthetic.autoregression import ornstein_uhlenbeck
from toto.training.synthetic.calendar import calendar
from toto.training.synthetic.draws import (
    Series,
    fill_by_choice,
    log_uniform,
    normal,
    sign,
    standardise,
    steps,
    uniform,
)
from toto.training.synthetic.events import impulses


def since_last(marks: Series, series: Series) -> Series:
    """`series` minus its value at the latest step where `marks` is not 0 (its first value before any)."""
    positions = np.maximum.accumulate(np.where(marks > 0, np.arange(marks.shape[1])[None], 0), axis=1)
    return series - np.take_along_axis(series, positions, axis=1)


def counter(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A running total of a positive rate that wanders, reset to 0 by restarts: none to six a series."""
    spread = uniform(rng, num_series, 0.1, 1.0)
    rate = np.exp(spread * ornstein_uhlenbeck(rng, num_series, length))
    restarts = impulses(rng, log_uniform(rng, num_series, 0.1, 6.0) / np.float32(length), length)
    return since_last(restarts, np.cumsum(rate, axis=1) / np.float32(length))


def sawtooth(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A steady climb and a sudden fall, or the reverse, every 8 steps to half a series: a leak, a battery."""
    period = log_uniform(rng, num_series, 8.0, max(length / 2, 9.0))
    phase = steps(length) / period + uniform(rng, num_series, 0.0, 1.0)
    shape = (phase - np.floor(phase)) ** log_uniform(rng, num_series, 0.5, 2.0)
    noisy = shape + uniform(rng, num_series, 0.0, 0.1) * normal(rng, num_series, length)
    return sign(rng, num_series) * noisy


def irregular_sawtooth(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A climb at a constant rate with falls to 0 at random times."""
    period = log_uniform(rng, num_series, 16.0, max(length / 2, 17.0))
    falls = impulses(rng, 1.0 / period, length)
    line = steps(length) / period + 0.02 * normal(rng, num_series, length)
    return since_last(falls, line.astype(np.float32))


def tally(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """The number of rare events so far: a staircase with steps of 1, more of them by day than by night."""
    season = np.exp(uniform(rng, num_series, 0.0, 1.0) * standardise(calendar(rng, num_series, length)))
    rate = log_uniform(rng, num_series, 3.0 / length, 0.5)
    return np.cumsum(impulses(rng, rate * season, length), axis=1)


def any_counter(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    choices = [(counter, 2.0), (sawtooth, 2.0), (irregular_sawtooth, 1.0), (tally, 1.0)]
    return fill_by_choice(rng, num_series, length, choices)
