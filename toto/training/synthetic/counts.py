"""Whole numbers: requests per step, errors, jobs, sales; often 0."""

import numpy as np

from toto.training.synthetic.autoregression import any_autoregression, ornstein_uhlenbeck
from toto.training.synthetic.calendar import calendar
from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, normal, standardise, uniform
from toto.training.synthetic.events import bursts, impulses
from toto.training.synthetic.seasonality import any_season


def poisson(rng: np.random.Generator, mean: Series) -> Series:
    """Poisson numbers; in series whose mean reaches 60, squares of normal values, at a fifth of the cost.

    The root of a Poisson number has a standard deviation of nearly 1/2, whatever its mean.
    """
    root = np.sqrt(mean) + 0.5 * normal(rng, *mean.shape)
    numbers = np.rint(np.square(np.maximum(root, 0.0)))
    small = np.flatnonzero(mean.max(axis=1) < 60.0)
    numbers[small] = rng.poisson(mean[small])
    return numbers


def counts(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Poisson counts whose mean, 0.05 to 200, follows a seasonal and wandering rate."""
    mean = log_uniform(rng, num_series, 0.05, 200.0)
    season = standardise(any_season(rng, num_series, length))
    wander = standardise(any_autoregression(rng, num_series, length))
    log_rate = uniform(rng, num_series, 0.0, 0.8) * season + uniform(rng, num_series, 0.0, 0.5) * wander
    return poisson(rng, mean * np.exp(np.clip(log_rate, -5.0, 3.0)))


def overdispersed(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Counts that vary more than Poisson ones: a log-normal rate at every step, weeks and promotions (sales).

    Runs of nothing (out of stock) occur in a third of the series.
    """
    mean = log_uniform(rng, num_series, 0.1, 100.0)
    season = uniform(rng, num_series, 0.0, 0.8) * standardise(calendar(rng, num_series, length))
    promotions = uniform(rng, num_series, 0.0, 0.7) * bursts(rng, num_series, length)
    spread = uniform(rng, num_series, 0.0, 0.8) * normal(rng, num_series, length)
    rate = mean * np.exp(np.clip(season + promotions + spread, -5.0, 3.0))
    sold_out = ornstein_uhlenbeck(rng, num_series, length) > uniform(rng, num_series, 1.0, 7.0)
    return poisson(rng, rate) * ~sold_out


def intermittent(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """0 most of the time, else a size with a long tail: one step in 2 to one in 100 is busy."""
    rate = log_uniform(rng, num_series, 0.01, 0.5)
    sizes = rng.standard_exponential((num_series, length), dtype=np.float32)
    sizes *= log_uniform(rng, num_series, 1.0, 30.0)
    return impulses(rng, rate, length) * np.ceil(sizes)


def zero_inflated(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """0 at times that follow a calendar and a wandering demand, else positive and log-normal; not whole."""
    season = uniform(rng, num_series, 0.0, 2.0) * standardise(calendar(rng, num_series, length))
    drive = season + ornstein_uhlenbeck(rng, num_series, length) + uniform(rng, num_series, -2.0, 1.0)
    chance = 0.5 + 0.5 * np.tanh(uniform(rng, num_series, 0.3, 3.0) * drive)
    spread = uniform(rng, num_series, 0.05, 1.0)
    sizes = np.exp(spread * normal(rng, num_series, length) + 0.3 * np.clip(drive, -3.0, 3.0))
    return impulses(rng, chance, length) * sizes


def any_count(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    choices = [(counts, 2.0), (overdispersed, 1.0), (intermittent, 0.7), (zero_inflated, 0.7)]
    return fill_by_choice(rng, num_series, length, choices)
