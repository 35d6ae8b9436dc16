"""Covariances over many short draws against the kernels; tolerances are about four standard errors."""

import numpy as np
import pytest

from toto.training.synthetic import gaussian_process
from toto.training.synthetic.gaussian_process import (
    NUM_FEATURES,
    changed_by_time,
    locally_periodic,
    matern,
    periodic,
    rational_quadratic,
    rbf,
    stationary,
    waves,
)

NUM_SERIES, LENGTH = 6000, 48
LAG = np.arange(LENGTH, dtype=np.float64)


def column(value: float) -> np.ndarray:
    return np.full((NUM_SERIES, 1), value, dtype=np.float32)


def covariance(series: np.ndarray) -> np.ndarray:
    """The covariance at every lag: mean over series and, where lags leave several pairs, over time."""
    return np.array([(series[:, : LENGTH - k] * series[:, k:]).mean() for k in range(LENGTH)])


KERNELS = {
    "rbf": (lambda rng: rbf(rng, column(8.0), NUM_FEATURES), lambda t: np.exp(-(t**2) / 128)),
    "rational quadratic": (
        lambda rng: rational_quadratic(rng, column(8.0), column(0.7), NUM_FEATURES),
        lambda t: (1 + t**2 / (2 * 0.7 * 64)) ** -0.7,
    ),
    "matern 3/2": (
        lambda rng: matern(rng, column(8.0), column(1.5), NUM_FEATURES),
        lambda t: (1 + np.sqrt(3) * t / 8) * np.exp(-np.sqrt(3) * t / 8),
    ),
    "matern 5/2": (
        lambda rng: matern(rng, column(8.0), column(2.5), NUM_FEATURES),
        lambda t: (1 + np.sqrt(5) * t / 8 + 5 * t**2 / 192) * np.exp(-np.sqrt(5) * t / 8),
    ),
    "periodic": (
        lambda rng: periodic(rng, column(12.0), column(1.5), NUM_FEATURES),
        lambda t: np.exp(-3.0 * np.sin(np.pi * t / 12) ** 2),
    ),
    "periodic times rbf": (
        lambda rng: (
            periodic(rng, column(12.0), column(1.5), NUM_FEATURES) + rbf(rng, column(20.0), NUM_FEATURES)
        ),
        lambda t: np.exp(-3.0 * np.sin(np.pi * t / 12) ** 2 - t**2 / 800),
    ),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_covariance_of_many_draws_is_the_kernel(rng, name):
    frequencies, kernel = KERNELS[name]
    series = waves(rng, frequencies(rng), LENGTH)
    # the error of one lag: sqrt(2 / NUM_SERIES), less where pairs of one series add information
    np.testing.assert_allclose(covariance(series), kernel(LAG), atol=4 * np.sqrt(2 / NUM_SERIES))


def test_values_are_normal(rng):
    series = waves(rng, rbf(rng, column(8.0), NUM_FEATURES), LENGTH)
    assert (series**2).mean() == pytest.approx(1.0, abs=0.03)
    assert (series**4).mean() == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("length", [64, 1000, 8192])
def test_waves_are_the_plain_sums_of_cosines_and_sines(length):
    frequencies = np.random.default_rng(1).uniform(0.0, np.pi, (20, 5)).astype(np.float32)
    series = waves(np.random.default_rng(2), frequencies, length)
    a, b = gaussian_process.normal(np.random.default_rng(2), 2, 20, 1, 5).astype(np.float64) / np.sqrt(5)
    angle = np.arange(length)[None, :, None] * frequencies[:, None].astype(np.float64)
    plain = (a * np.cos(angle) + b * np.sin(angle)).sum(axis=2)
    np.testing.assert_allclose(series, plain, atol=5e-3)


def test_processes_are_standardised(rng):
    for generate in (stationary, locally_periodic):
        series = generate(rng, 50, 512)
        np.testing.assert_allclose(series.std(axis=1), 1.0, atol=1e-3)


def test_locally_periodic_processes_repeat_better_next_to_each_other_than_far_apart(rng, monkeypatch):
    monkeypatch.setattr(
        gaussian_process,
        "log_uniform",
        lambda rng, n, low, high: np.full((n, 1), min(max(low, 10.0), high), np.float32),
    )
    # period 10, sharpness 10, length scale of ten periods
    series = locally_periodic(rng, 200, 1000)
    near, far = ((series[:, lag:] * series[:, :-lag]).mean() for lag in (10, 300))
    assert near > 0.9
    assert far < 0.2


def test_processes_that_change_are_not_stationary(rng):
    series = changed_by_time(rng, 400, 512)
    size = np.abs(series).reshape(400, 4, 128).mean(axis=2)
    ratio = size.max(axis=1) / size.min(axis=1)
    assert np.median(ratio) > 1.5
