"""Series that remember: autoregressions, random walks, stochastic cycles, long memory.

The recursions y[t] = a y[t-1] + x[t] run over all series at once in log2(length) array
operations: after the pass with distance k every y[t] holds the sum over its last 2k inputs.
"""

from typing import Any

import numpy as np

from toto.training.synthetic.draws import Column, Series, fill_by_choice, log_uniform, normal, steps, uniform


def filter_first_order(series: np.ndarray, coefficient: np.ndarray, lag: int = 1) -> np.ndarray:
    """y[t] = coefficient y[t - lag] + series[t], 0 before the start; real or complex, in place.

    `series` is [series, time] and `coefficient` [series, 1], of modulus below 1.
    """
    distance, power = lag, coefficient
    while distance < series.shape[1] and float(np.abs(power).max(initial=0.0)) > 1e-6:
        series[:, distance:] += power * series[:, :-distance]
        distance, power = 2 * distance, power * power
    return series


def ar1_with(rng: np.random.Generator, coefficient: Column, length: int) -> Series:
    """AR(1) of variance 1 with the given coefficients, started in its stationary distribution."""
    innovations = normal(rng, len(coefficient), length)
    innovations[:, 1:] *= np.sqrt(np.maximum(1.0 - coefficient**2, 1e-7))
    return filter_first_order(innovations, coefficient)


def ar1(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Stationary AR(1): the coefficient covers -0.5 to 0.95, mostly positive."""
    return ar1_with(rng, 0.95 - 1.45 * uniform(rng, num_series, 0.0, 1.0) ** 2, length)


def ornstein_uhlenbeck(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Mean reversion with a time constant of 5 steps to half the series."""
    time_constant = log_uniform(rng, num_series, 5.0, max(length / 2, 6.0))
    return ar1_with(rng, np.exp(-1.0 / time_constant), length)


def random_walk(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Sums of independent steps, with a drift in a third of the series; about unit size at the end."""
    walk = np.cumsum(normal(rng, num_series, length), axis=1) / np.float32(np.sqrt(length))
    drifts = uniform(rng, num_series, -2.0, 2.0) * (uniform(rng, num_series, 0.0, 1.0) < 1 / 3)
    return walk + drifts * steps(length) / np.float32(length)


def smooth_walk(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A level that follows a mean-reverting slope: smooth, locally a line."""
    time_constant = log_uniform(rng, num_series, 5.0, max(length / 4, 6.0))
    slope = ar1_with(rng, np.exp(-1.0 / time_constant), length)
    return np.cumsum(slope, axis=1) / np.sqrt(time_constant * np.float32(length))


def stochastic_cycle(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """AR(2) with complex roots: an oscillation of 4 steps to a third of the series whose phase wanders."""
    period = log_uniform(rng, num_series, 4.0, max(length / 3, 5.0))
    damping = np.exp(-1.0 / (period * log_uniform(rng, num_series, 0.5, 20.0)))
    root: Any = (damping * np.exp(2j * np.pi / period)).astype(np.complex64)
    innovations = normal(rng, num_series, length) * np.sqrt(1.0 - damping**2)
    return filter_first_order(innovations.astype(np.complex64), root).real.astype(np.float32)


def long_memory(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """1/f noise: power falls as frequency^-a, a between 0.3 and 3; drawn in the frequency domain.

    Twice the length is drawn and one half kept, so that the end does not join the start.
    """
    num_frequencies = length + 1
    spectrum = normal(rng, num_series, 2 * num_frequencies).view(np.complex64)
    exponent = uniform(rng, num_series, 0.3, 3.0)
    frequency = np.arange(1, num_frequencies + 1, dtype=np.float32)[None]
    spectrum *= np.exp(-0.5 * exponent * np.log(frequency))
    series = np.fft.irfft(spectrum, n=2 * length, axis=1)[:, :length]
    return np.ascontiguousarray(series / series.std(axis=1, keepdims=True), dtype=np.float32)


def price(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A random walk of the logarithm with quiet and wild stretches, around 1; mean-reverting in half."""
    log_size = uniform(rng, num_series, 0.2, 1.0) * ornstein_uhlenbeck(rng, num_series, length)
    changes = np.exp(log_size) * normal(rng, num_series, length)
    reversion = np.exp(-uniform(rng, num_series, -20.0, 20.0).clip(min=1e-3) / np.float32(length))
    walk = filter_first_order(changes, reversion) / np.float32(np.sqrt(length))
    return np.exp(uniform(rng, num_series, 0.05, 0.8) * walk)


def any_autoregression(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the processes of this file per series."""
    choices = [
        (ar1, 2.0),
        (ornstein_uhlenbeck, 3.0),
        (random_walk, 2.0),
        (smooth_walk, 1.0),
        (stochastic_cycle, 1.5),
        (long_memory, 2.0),
        (price, 0.7),
    ]
    return fill_by_choice(rng, num_series, length, choices)
