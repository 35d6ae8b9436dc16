"""Whole series out of parts: sums and products of trend, seasons, memory, events and noise."""

import numpy as np

from toto.training.synthetic.autoregression import any_autoregression
from toto.training.synthetic.draws import (
    Generator,
    Series,
    log_uniform,
    standardise,
    uniform,
)
from toto.training.synthetic.events import any_event
from toto.training.synthetic.noise import any_noise
from toto.training.synthetic.seasonality import any_season
from toto.training.synthetic.trend import any_trend
from toto.training.synthetic.utilisation import saturate

# part, share of the series that have it, smallest and largest weight beside a season of weight 1
PARTS: tuple[tuple[Generator, float, float, float], ...] = (
    (any_trend, 0.35, 0.1, 3.0),
    (any_autoregression, 0.75, 0.05, 2.0),
    (any_event, 0.15, 0.1, 2.0),
    (any_noise, 0.75, 0.01, 1.0),
)


def add_parts(rng: np.random.Generator, series: Series) -> Series:
    """Add to every series its own random choice of PARTS, in place."""
    for generate, share, low, high in PARTS:
        rows = np.flatnonzero(rng.random(len(series)) < share)
        if len(rows):
            part = standardise(generate(rng, len(rows), series.shape[1]))
            series[rows] += log_uniform(rng, len(rows), low, high) * part
    return series


def quantise(rng: np.random.Generator, series: Series) -> Series:
    """Round to a grid of 3 to 60 steps per standard deviation: a coarse sensor, whole percents."""
    grid = log_uniform(rng, len(series), 1 / 60, 1 / 3)
    return np.round(series / grid) * grid


def multiply_out(rng: np.random.Generator, series: Series) -> Series:
    """exp(gain * series): the sum of parts becomes their product, positive, with high peaks."""
    return np.exp(uniform(rng, len(series), 0.2, 1.0) * np.clip(series, -5.0, 5.0))


def rectify(rng: np.random.Generator, series: Series) -> Series:
    """Keep what lies above a random level, 0 below it."""
    return np.maximum(series - uniform(rng, len(series), -1.5, 0.5), 0.0)


def deform(rng: np.random.Generator, series: Series) -> Series:
    """Pass a third of the standardised series through one of the maps of this file; the others stay."""
    choice = rng.choice(5, size=len(series), p=[0.67, 0.13, 0.08, 0.05, 0.07])
    for index, change in enumerate((multiply_out, saturate, rectify, quantise), start=1):
        rows = np.flatnonzero(choice == index)
        if len(rows):
            series[rows] = change(rng, series[rows])
    return series


def seasonal_mix(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A season and random other parts: the ordinary metric."""
    series = add_parts(rng, standardise(any_season(rng, num_series, length)))
    return deform(rng, standardise(series))


def aperiodic_mix(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Random parts without a season."""
    return deform(rng, standardise(add_parts(rng, any_autoregression(rng, num_series, length))))


def with_noise(generate: Generator) -> Generator:
    """The generator plus noise of up to a third of its size in half of the series."""

    def noisy(rng: np.random.Generator, num_series: int, length: int) -> Series:
        series = standardise(generate(rng, num_series, length))
        rows = np.flatnonzero(rng.random(num_series) < 0.5)
        if len(rows):
            series[rows] += log_uniform(rng, len(rows), 0.01, 0.3) * any_noise(rng, len(rows), length)
        return series

    return noisy
