"""Whole series out of parts: sums and products of trend, seasons, memory, events and noise."""

import numpy as np

from toto.training.synthetic.autoregression import any_autoregression
from toto.training.synthetic.draws import (
    Generator,
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    standardise,
    uniform,
)
from toto.training.synthetic.events import any_event
from toto.training.synthetic.noise import any_noise
from toto.training.synthetic.sarima import arima, arma
from toto.training.synthetic.seasonality import any_season
from toto.training.synthetic.trend import any_trend
from toto.training.synthetic.utilisation import saturate


def any_memory(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """An aperiodic process with memory: recursions, ARMA, running sums."""
    choices = [(any_autoregression, 4.0), (arma, 0.7), (arima, 0.7)]
    return fill_by_choice(rng, num_series, length, choices)


# part, share of the series that have it, smallest and largest weight beside a season of weight 1
PARTS: tuple[tuple[Generator, float, float, float], ...] = (
    (any_trend, 0.3, 0.05, 3.0),
    (any_memory, 0.75, 0.02, 2.0),
    (any_event, 0.12, 0.1, 2.0),
)


def add_parts(rng: np.random.Generator, series: Series) -> Series:
    """Add to every standardised series its own random choice of PARTS, in place."""
    for generate, share, low, high in PARTS:
        rows = chosen(rng, len(series), share)
        if len(rows):
            part = standardise(generate(rng, len(rows), series.shape[1]))
            series[rows] += log_uniform(rng, len(rows), low, high) * part
    return series


def add_noise(rng: np.random.Generator, series: Series, season: Series) -> Series:
    """Add noise of 0.003 to 1.2 to four in five series, in place; in a third of these it follows the season.

    The fifth without is as important: where nothing is random, a model has to be exact.
    """
    rows = chosen(rng, len(series), 0.8)
    size = log_uniform(rng, len(rows), 0.003, 1.2)
    following = uniform(rng, len(rows), -1.0, 2.0) * (uniform(rng, len(rows), 0.0, 1.0) < 1 / 3)
    noise = standardise(any_noise(rng, len(rows), series.shape[1]))
    series[rows] += size * noise * np.exp(following * np.clip(season[rows], -2.0, 2.0))
    return series


def multiply_out(rng: np.random.Generator, series: Series) -> Series:
    """exp(gain * series): the sum of parts becomes their product, positive, with high peaks."""
    return np.exp(uniform(rng, len(series), 0.2, 1.0) * np.clip(series, -5.0, 5.0))


def rectify(rng: np.random.Generator, series: Series) -> Series:
    """Keep what lies above a random level, 0 below it."""
    return np.maximum(series - uniform(rng, len(series), -1.5, 0.5), 0.0)


def deform(rng: np.random.Generator, series: Series) -> Series:
    """Pass a third of the standardised series through one of the maps of this file; the others stay."""
    choice = rng.choice(4, size=len(series), p=[0.68, 0.16, 0.07, 0.09])
    for index, change in enumerate((multiply_out, saturate, rectify), start=1):
        rows = np.flatnonzero(choice == index)
        if len(rows):
            series[rows] = change(rng, series[rows])
    return series


def seasonal_mix(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A season and random other parts: the ordinary metric."""
    season = standardise(any_season(rng, num_series, length))
    series = add_parts(rng, season.copy())
    return deform(rng, standardise(add_noise(rng, series, season)))


def aperiodic_mix(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Random parts without a season: what comes next lies near the last value or near a mean."""
    memory = standardise(any_memory(rng, num_series, length))
    series = add_parts(rng, memory.copy())
    return deform(rng, standardise(add_noise(rng, series, memory)))


def with_noise(generate: Generator) -> Generator:
    """The generator plus noise of up to a third of its size in half of the series."""

    def noisy(rng: np.random.Generator, num_series: int, length: int) -> Series:
        series = standardise(generate(rng, num_series, length))
        rows = chosen(rng, num_series, 0.5)
        series[rows] += log_uniform(rng, len(rows), 0.003, 0.3) * any_noise(rng, len(rows), length)
        return series

    return noisy
