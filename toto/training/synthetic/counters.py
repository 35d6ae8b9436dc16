"""Counters that only grow until they are reset, and memory that fills and is freed."""

import numpy as np

from toto.training.synthetic.autoregression import ornstein_uhlenbeck
from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, normal, steps, uniform
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
    """A steady climb and a sudden fall, again and again, every 8 steps to half a series: a leak."""
    period = log_uniform(rng, num_series, 8.0, max(length / 2, 9.0))
    phase = steps(length) / period + uniform(rng, num_series, 0.0, 1.0)
    shape = np.mod(phase, 1.0) ** log_uniform(rng, num_series, 0.5, 2.0)
    return shape + uniform(rng, num_series, 0.0, 0.1) * normal(rng, num_series, length)


def irregular_sawtooth(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A climb at a constant rate with falls to 0 at random times."""
    period = log_uniform(rng, num_series, 16.0, max(length / 2, 17.0))
    falls = impulses(rng, 1.0 / period, length)
    line = steps(length) / period + 0.02 * normal(rng, num_series, length)
    return since_last(falls, line.astype(np.float32))


def any_counter(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    choices = [(counter, 2.0), (sawtooth, 2.0), (irregular_sawtooth, 1.0)]
    return fill_by_choice(rng, num_series, length, choices)
