"""Noise: values that nothing predicts but their size, with light and heavy tails."""

import numpy as np

from toto.training.synthetic.autoregression import ornstein_uhlenbeck
from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, normal, uniform


def gaussian(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Independent normal values."""
    return normal(rng, num_series, length)


def student_t(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Independent Student-T values, 2 to 10 degrees of freedom per series, by Bailey's method."""
    df = log_uniform(rng, num_series, 2.0, 10.0)
    first = 1.0 - rng.random((num_series, length), dtype=np.float32)
    angle = np.float32(2.0 * np.pi) * rng.random((num_series, length), dtype=np.float32)
    return np.sqrt(df * np.expm1(-2.0 * np.log(first) / df)) * np.cos(angle)


def laplace(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Independent two-sided exponential values."""
    magnitude = rng.standard_exponential((num_series, length), dtype=np.float32)
    return np.copysign(magnitude, rng.random((num_series, length), dtype=np.float32) - 0.5)


def skewed(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Independent log-normal values, from nearly symmetric to a long upper tail (latencies)."""
    return np.exp(uniform(rng, num_series, 0.2, 1.2) * normal(rng, num_series, length))


def heteroscedastic(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Normal values whose size itself wanders: quiet and loud stretches."""
    log_size = uniform(rng, num_series, 0.3, 1.0) * ornstein_uhlenbeck(rng, num_series, length)
    return np.exp(log_size) * normal(rng, num_series, length)


def any_noise(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of noise of this file per series."""
    choices = [(gaussian, 4.0), (student_t, 2.0), (laplace, 1.0), (skewed, 1.0), (heteroscedastic, 2.0)]
    return fill_by_choice(rng, num_series, length, choices)
