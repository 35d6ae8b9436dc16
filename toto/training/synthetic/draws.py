"""Small random draws the generators share.

Every generator has one shape: `(rng, num_series, length) -> [series, time]` in float32, one value
per sampling step, in no particular unit. Parameters are drawn one per series as a column
`[series, 1]`, so that a generator is a few array operations whatever the number of series.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32

Series = Float32[np.ndarray, "series time"]
Column = Float32[np.ndarray, "series 1"]
Generator = Callable[[np.random.Generator, int, int], Series]


def uniform(rng: np.random.Generator, num_series: int, low: float, high: float) -> Column:
    """One uniform value in [low, high) per series."""
    return (low + (high - low) * rng.random((num_series, 1))).astype(np.float32)


def log_uniform(rng: np.random.Generator, num_series: int, low: float, high: float) -> Column:
    """One value per series whose logarithm is uniform between those of `low` and `high`."""
    return np.exp(np.log(low) + np.log(high / low) * rng.random((num_series, 1))).astype(np.float32)


def normal(rng: np.random.Generator, *shape: int) -> Float32[np.ndarray, "..."]:
    """Independent standard normal values."""
    return rng.standard_normal(shape, dtype=np.float32)


def sign(rng: np.random.Generator, num_series: int) -> Column:
    """-1 or 1 per series, equally likely."""
    return (2.0 * rng.integers(0, 2, (num_series, 1)) - 1.0).astype(np.float32)


def steps(length: int) -> Float32[np.ndarray, "1 time"]:
    """0, 1, 2, ... as one row."""
    return np.arange(length, dtype=np.float32)[None]


def standardise(series: Series) -> Series:
    """Mean 0 and standard deviation 1 per series; a constant series becomes 0."""
    centred = series - series.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.mean(np.square(centred), axis=1, keepdims=True))
    return np.where(deviation > 1e-6, centred / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)


def fill_by_choice(
    rng: np.random.Generator,
    num_series: int,
    length: int,
    choices: Sequence[tuple[Generator, float]],
) -> Series:
    """Every series from one of the generators, chosen with the probability proportional to its weight."""
    weights = np.array([weight for _, weight in choices])
    chosen = rng.choice(len(choices), size=num_series, p=weights / weights.sum())
    series = np.empty((num_series, length), dtype=np.float32)
    for index, (generate, _) in enumerate(choices):
        rows = np.flatnonzero(chosen == index)
        if len(rows):
            series[rows] = generate(rng, len(rows), length)
    return series
