"""Whole numbers: requests per step, errors, jobs; often 0."""

import numpy as np

from toto.training.synthetic.autoregression import any_autoregression
from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, standardise, uniform
from toto.training.synthetic.events import impulses
from toto.training.synthetic.seasonality import any_season


def counts(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Poisson counts whose mean, 0.05 to 200, follows a seasonal and wandering rate."""
    mean = log_uniform(rng, num_series, 0.05, 200.0)
    season = standardise(any_season(rng, num_series, length))
    wander = standardise(any_autoregression(rng, num_series, length))
    log_rate = uniform(rng, num_series, 0.0, 0.8) * season + uniform(rng, num_series, 0.0, 0.5) * wander
    return rng.poisson(mean * np.exp(np.clip(log_rate, -5.0, 3.0))).astype(np.float32)


def intermittent(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """0 most of the time, else a size with a long tail: one step in 2 to one in 100 is busy."""
    rate = log_uniform(rng, num_series, 0.01, 0.5)
    sizes = rng.standard_exponential((num_series, length), dtype=np.float32)
    sizes *= log_uniform(rng, num_series, 1.0, 30.0)
    return impulses(rng, rate, length) * np.ceil(sizes)


def any_count(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    return fill_by_choice(rng, num_series, length, [(counts, 2.0), (intermittent, 1.0)])
