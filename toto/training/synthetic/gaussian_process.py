"""Gaussian processes with composed kernels, sampled by random Fourier features.

A stationary kernel is the characteristic function of its spectral density (Bochner), so a kernel is
kept as a way to draw frequencies: a sum of kernels draws from one or the other, and a product adds
the frequencies of its factors. A series is the sum of waves of those frequencies with normal
amplitudes (Rahimi and Recht 2007); given the frequencies it is exactly Gaussian, and over
frequencies its covariance is exactly the kernel. Rough processes, whose spectra have no end, come
from recursions instead (`autoregression`).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.draws import (
    Column,
    Series,
    chosen,
    log_uniform,
    normal,
    product,
    standardise,
    steps,
    uniform,
)

Frequencies = Float32[np.ndarray, "series features"]  # radians per step
Kernel = Callable[[np.random.Generator, int, int], Frequencies]

NUM_FEATURES = 64
BLOCK = 64  # steps evaluated by one matrix product


def rbf(rng: np.random.Generator, length_scale: Column, num_features: int) -> Frequencies:
    """exp(-tau^2 / 2 l^2)."""
    return normal(rng, len(length_scale), num_features) / length_scale


def rational_quadratic(
    rng: np.random.Generator, length_scale: Column, alpha: Column, num_features: int
) -> Frequencies:
    """(1 + tau^2 / 2 alpha l^2)^-alpha: a mixture of RBF kernels of many length scales."""
    precision = rng.gamma(alpha, 1.0 / alpha, (len(alpha), num_features)).astype(np.float32)
    return rbf(rng, length_scale, num_features) * np.sqrt(precision)


def matern(rng: np.random.Generator, length_scale: Column, nu: Column, num_features: int) -> Frequencies:
    """Matern of smoothness `nu`: frequencies are Student-T with 2 nu degrees of freedom."""
    chi_square = rng.chisquare(2.0 * nu, (len(nu), num_features)).astype(np.float32)
    return rbf(rng, length_scale, num_features) / np.sqrt(chi_square / (2.0 * nu))


def periodic(rng: np.random.Generator, period: Column, sharpness: Column, num_features: int) -> Frequencies:
    """exp(-2 sin^2(pi tau / p) / l^2) with sharpness 1 / l^2: multiples of 1 / p, Skellam distributed.

    The Fourier coefficients of this kernel are exp(-k) I_n(k), the probabilities of a difference of
    two Poisson numbers of mean k / 2.
    """
    shape = (len(period), num_features)
    order = rng.poisson(sharpness / 2, shape) - rng.poisson(sharpness / 2, shape)
    return (2.0 * np.pi * order / period).astype(np.float32)


def waves(rng: np.random.Generator, frequencies: Frequencies, length: int) -> Series:
    """Sums of waves of the given frequencies with normal amplitudes; the variance of a series is 1.

    The angle of step i B + j is that of i B plus that of j, so that a matrix product of the blocks'
    first steps and the steps within a block takes the place of a cosine per step and wave.
    """
    num_series, num_features = frequencies.shape
    amplitudes = normal(rng, 2, num_series, 1, num_features) / np.float32(np.sqrt(num_features))
    series = np.empty((num_series, length), dtype=np.float32)
    for start in range(0, num_series, 16):  # larger temporary arrays leave the cache: three times slower
        rows = slice(start, start + 16)
        a, b = amplitudes[:, rows]
        # whole turns are taken off in float64: a float32 angle of thousands of radians is coarse
        turns = np.arange(0, length, BLOCK)[:, None] * (frequencies[rows, None] / (2.0 * np.pi))
        angle = np.float32(2.0 * np.pi) * (turns - np.floor(turns)).astype(np.float32)
        cosine, sine = np.cos(angle), np.sin(angle)
        outer = np.concatenate([a * cosine + b * sine, b * cosine - a * sine], axis=2)
        within = frequencies[rows, :, None] * steps(BLOCK)
        blocks = product(outer, np.concatenate([np.cos(within), np.sin(within)], axis=1))
        series[rows] = blocks.reshape(len(a), blocks.shape[1] * BLOCK)[:, :length]
    return series


def smooth_factor(rng: np.random.Generator, num_series: int, length: int) -> Frequencies:
    """Frequencies of an RBF, rational quadratic or Matern kernel of any length scale per series."""
    scale = log_uniform(rng, num_series, 4.0, max(float(length), 8.0))
    frequencies = rbf(rng, scale, NUM_FEATURES)
    mixed, rough = np.array_split(rng.permutation(num_series), 4)[:2]
    alpha = log_uniform(rng, len(mixed), 0.3, 5.0)
    frequencies[mixed] = rational_quadratic(rng, scale[mixed], alpha, NUM_FEATURES)
    nu = 1.5 + rng.integers(0, 2, (len(rough), 1)).astype(np.float32)
    frequencies[rough] = matern(rng, scale[rough], nu, NUM_FEATURES)
    return frequencies


def periodic_factor(rng: np.random.Generator, num_series: int, length: int) -> Frequencies:
    """Frequencies of a periodic kernel, from nearly a sine to sharp shapes, per series."""
    period = log_uniform(rng, num_series, 4.0, max(0.7 * length, 8.0))
    return periodic(rng, period, log_uniform(rng, num_series, 0.3, 15.0), NUM_FEATURES)


def stationary(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A smooth kernel, times a periodic one in half of the series, plus a second such term in half."""
    terms = np.empty((2, num_series, NUM_FEATURES), dtype=np.float32)
    for term in terms:
        term[:] = smooth_factor(rng, num_series, length)
        rows = chosen(rng, num_series, 0.5)
        term[rows] += periodic_factor(rng, len(rows), length)
    share = np.maximum(uniform(rng, num_series, 0.0, 1.0), 0.5)
    first = rng.random(terms[0].shape, dtype=np.float32) < share
    return standardise(waves(rng, np.where(first, terms[0], terms[1]), length))


def locally_periodic(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Periodic times RBF: a season whose shape, strength and phase change over 1 to 30 periods."""
    period = log_uniform(rng, num_series, 4.0, max(0.5 * length, 8.0))
    frequencies = periodic(rng, period, log_uniform(rng, num_series, 0.3, 15.0), NUM_FEATURES)
    frequencies += rbf(rng, period * log_uniform(rng, num_series, 1.0, 30.0), NUM_FEATURES)
    return standardise(waves(rng, frequencies, length))


def changed_by_time(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Not stationary: times a linear function (a kernel's product with the linear one), or a change point.

    At the change point one process turns into another over a hundredth of the series or less.
    """
    first, second = stationary(rng, 2 * num_series, length).reshape(2, num_series, length)
    time = steps(length) / np.float32(length)
    linear = time - uniform(rng, num_series, -0.3, 1.3)
    since = (time - uniform(rng, num_series, 0.1, 0.9)) / log_uniform(rng, num_series, 1e-4, 1e-2)
    share = 0.5 + 0.5 * np.tanh(np.clip(since, -10.0, 10.0))
    level = uniform(rng, num_series, -2.0, 2.0)
    changed = first + share * (second * log_uniform(rng, num_series, 0.3, 3.0) + level - first)
    return np.where(uniform(rng, num_series, 0.0, 1.0) < 0.4, linear * first, changed)


def any_process(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the processes of this file per series."""
    series = stationary(rng, num_series, length)
    kind = rng.random(num_series)
    for generate, rows in (
        (locally_periodic, np.flatnonzero(kind < 0.35)),
        (changed_by_time, np.flatnonzero(kind > 0.85)),
    ):
        series[rows] = generate(rng, len(rows), length)
    return series
