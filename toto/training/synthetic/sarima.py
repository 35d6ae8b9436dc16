"""Seasonal ARIMA: the textbook processes, and seasons that walk.

Stationary ones are white noise times the ratio of two polynomials in the frequency domain, whose
roots are drawn inside the unit circle; the draw is longer than the series, because it closes on
itself. Unit roots are running sums, from one step or one season to the next.
"""

import numpy as np
from jaxtyping import Complex64, Float, Int

from toto.training.synthetic.autoregression import filter_first_order
from toto.training.synthetic.draws import (
    Column,
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    normal,
    standardise,
    uniform,
)
from toto.training.synthetic.noise import any_noise
from toto.training.synthetic.profiles import any_profile

Polynomial = Float[np.ndarray, "series coefficients"]  # of 1, B, B^2, ..., B the step back
Periods = Int[np.ndarray, " series"]

SEASONS = (4, 5, 7, 12, 24, 48, 52, 60, 96, 144, 168, 288)
MARGIN = 256  # steps drawn more than kept


def from_roots(roots: Complex64[np.ndarray, "series roots"]) -> Polynomial:
    """The polynomial prod(1 - r B)(1 - conj(r) B) of every row, real."""
    polynomial = np.ones((len(roots), 1))
    for root in roots.T:
        factor = np.stack([np.ones(len(root)), -2.0 * root.real, np.abs(root) ** 2], axis=1)
        product = np.zeros((len(roots), polynomial.shape[1] + 2))
        for power in range(3):
            product[:, power : power + polynomial.shape[1]] += factor[:, power : power + 1] * polynomial
        polynomial = product
    return polynomial


def draw_polynomial(rng: np.random.Generator, num_series: int, largest: float) -> Polynomial:
    """Two pairs of roots of modulus up to `largest`, most near the real axis, a third of them 0."""
    modulus = largest * np.sqrt(rng.random((num_series, 2))) * (rng.random((num_series, 2)) < 0.67)
    angle = np.pi * rng.random((num_series, 2)) ** 2
    return from_roots((modulus * np.exp(1j * angle)).astype(np.complex64))


def response(polynomial: Polynomial, num_points: int) -> Complex64[np.ndarray, "series frequencies"]:
    """The polynomial at the frequencies of a real Fourier transform of `num_points`."""
    return np.fft.rfft(polynomial.astype(np.float32), n=num_points, axis=1)


def with_season(
    polynomial: Polynomial, seasonal: Column, period: Periods
) -> Float[np.ndarray, "series more_coefficients"]:
    """polynomial(B) (1 - seasonal B^period)."""
    order = polynomial.shape[1]
    product = np.zeros((len(polynomial), int(period.max(initial=0)) + order))
    product[:, :order] = polynomial
    rows, columns = np.arange(len(product))[:, None], period[:, None] + np.arange(order)
    np.add.at(product, (rows, columns), -seasonal * polynomial)
    return product


def arma_with(rng: np.random.Generator, autoregressive: Polynomial, length: int) -> Series:
    """Standardised ARMA of the given autoregressive part, a random one of moving averages, any noise."""
    num_series, num_points = len(autoregressive), length + MARGIN
    spectrum = np.fft.rfft(any_noise(rng, num_series, num_points), axis=1)
    spectrum *= response(draw_polynomial(rng, num_series, 0.9), num_points)
    spectrum /= response(autoregressive, num_points)
    return standardise(np.fft.irfft(spectrum, n=num_points, axis=1)[:, :length])


def draw_seasons(rng: np.random.Generator, num_series: int, length: int) -> Periods:
    """A whole period per series that fits into it three times where one does; at most three per call.

    Few different periods make large groups of series, and work on groups is fast.
    """
    fitting = [season for season in SEASONS if 3 * season <= length] or [SEASONS[0]]
    return rng.choice(rng.choice(fitting, 3), num_series)


def arma(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Stationary ARMA(4, 4) without a season: memory of some steps, damped oscillations."""
    return arma_with(rng, draw_polynomial(rng, num_series, 0.98), length)


def seasonal_arma(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Stationary ARMA(4, 4) that also remembers one season back, coefficient 0.5 to 0.98."""
    seasonal = 1.0 - log_uniform(rng, num_series, 0.02, 0.5)
    period = draw_seasons(rng, num_series, length)
    return arma_with(rng, with_season(draw_polynomial(rng, num_series, 0.98), seasonal, period), length)


def arima(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A running sum of stationary ARMA, in a third of the series with a drift."""
    changes = arma(rng, num_series, length)
    rows = chosen(rng, num_series, 1 / 3)
    changes[rows] += uniform(rng, len(rows), -0.1, 0.1)
    return np.cumsum(changes, axis=1)


def season_by_season(rng: np.random.Generator, num_series: int, length: int, period: int) -> Series:
    """A profile of whole steps that takes a random step, smooth or rough, after every cycle.

    Profiles are [series, cycles, steps]: a first-order recursion over the cycles, coefficient 0.8 to
    1, around the first profile.
    """
    num_cycles = -(-length // period)
    changes = normal(rng, num_series * num_cycles, period).reshape(num_series, num_cycles, period)
    smooth = chosen(rng, num_series, 0.6)
    neighbours = changes[smooth]
    for shift in (1, 2, 4):
        neighbours = neighbours + np.roll(neighbours, shift, axis=2)
    changes[smooth] = 0.3 * neighbours
    changes *= log_uniform(rng, num_series, 0.01, 0.5)[..., None]
    memory = np.maximum(uniform(rng, num_series, 0.8, 1.1), 0.0).clip(max=0.9999)
    walked = filter_first_order(changes.reshape(num_series, -1), memory, lag=period)
    first = np.tile(any_profile(rng, num_series, period), num_cycles)
    return (first + walked)[:, :length]


def seasonal_walk(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A strong season whose profile evolves from cycle to cycle."""
    series = np.empty((num_series, length), dtype=np.float32)
    periods = draw_seasons(rng, num_series, length)
    for period in np.unique(periods):
        rows = np.flatnonzero(periods == period)
        series[rows] = standardise(season_by_season(rng, len(rows), length, int(period)))
    return series


def airline(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """ARIMA (0, 1, 1)(0, 1, 1): level and season both walk, and grow apart from where they began.

    Box and Jenkins' model in its structural form: a season that walks plus a level that does, with
    noise that the moving averages would leave.
    """
    level = standardise(arima(rng, num_series, length))
    noise = log_uniform(rng, num_series, 0.01, 0.5) * any_noise(rng, num_series, length)
    weight = log_uniform(rng, num_series, 0.1, 3.0)
    return seasonal_walk(rng, num_series, length) + weight * level + noise


def any_sarima(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the processes of this file per series."""
    choices = [(arma, 1.0), (arima, 1.0), (seasonal_arma, 1.0), (seasonal_walk, 1.0), (airline, 2.0)]
    return fill_by_choice(rng, num_series, length, choices)
