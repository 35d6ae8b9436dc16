"""Trends: what a series does in the long run, without noise."""

import numpy as np

from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, sign, steps, uniform


def linear(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A straight line that rises or falls by 1 over the series."""
    return sign(rng, num_series) * steps(length) / np.float32(length)


def damped(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A line that bends towards a level: 1 - exp(-t / tau), tau from a tenth of the series to all of it."""
    tau = log_uniform(rng, num_series, 0.1, 1.0) * np.float32(length)
    return sign(rng, num_series) * (1.0 - np.exp(-steps(length) / tau))


def exponential(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Growth, or decay to 0, by a factor of e to e^4 over the series, with the larger end at 1."""
    rate = sign(rng, num_series) * log_uniform(rng, num_series, 1.0, 4.0)
    return np.exp(rate * steps(length) / np.float32(length) - np.maximum(rate, 0.0))


def logistic(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A smooth move from one level to another: an adoption curve or a slow migration."""
    centre = uniform(rng, num_series, 0.1, 1.1)
    width = log_uniform(rng, num_series, 0.02, 0.2)
    argument = (steps(length) / np.float32(length) - centre) / width
    return sign(rng, num_series) * (0.5 + 0.5 * np.tanh(0.5 * argument))


def broken_line(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A line whose slope changes at two random times."""
    series = linear(rng, num_series, length)
    for _ in range(2):
        start = uniform(rng, num_series, 0.1, 0.95) * np.float32(length)
        slope = 2.0 * sign(rng, num_series) * uniform(rng, num_series, 0.2, 1.0) / np.float32(length)
        series = series + slope * np.maximum(steps(length) - start, 0.0)
    return series.astype(np.float32)


def any_trend(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the trends of this file per series."""
    choices = [(linear, 3.0), (damped, 2.0), (exponential, 1.0), (logistic, 1.0), (broken_line, 2.0)]
    return fill_by_choice(rng, num_series, length, choices)
