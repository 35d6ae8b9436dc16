"""Small random draws the generators share.

Every generator has one shape: `(rng, num_series, length) -> [series, time]` in float32, one value
per sampling step, in no particular unit. Parameters are drawn one per series as a column
`[series, 1]`, so that a generator is a few array operations whatever the number of series.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Int, Int64

Series = Float32[np.ndarray, "series time"]
Column = Float32[np.ndarray, "series 1"]
Rows = Int64[np.ndarray, " rows"]
Generator = Callable[[np.random.Generator, int, int], Series]
Choices = Sequence[tuple[Generator, float]]


def uniform(rng: np.random.Generator, num_series: int, low: float, high: float) -> Column:
    """One uniform value in [low, high) per series."""
    return low + (high - low) * rng.random((num_series, 1), dtype=np.float32)


def log_uniform(rng: np.random.Generator, num_series: int, low: float, high: float) -> Column:
    """One value per series whose logarithm is uniform between those of `low` and `high`."""
    return np.exp(uniform(rng, num_series, math.log(low), math.log(high)))


def normal(rng: np.random.Generator, *shape: int) -> Float32[np.ndarray, "..."]:
    """Independent standard normal values, by Box and Muller: whole arrays at a third of numpy's cost."""
    size = math.prod(shape)
    half = (size + 1) // 2
    radius = np.sqrt(-2.0 * np.log1p(-rng.random(half, dtype=np.float32)))
    angle = np.float32(2.0 * np.pi) * rng.random(half, dtype=np.float32)
    values = np.empty(2 * half, dtype=np.float32)
    np.multiply(radius, np.cos(angle), out=values[:half])
    np.multiply(radius, np.sin(angle), out=values[half:])
    return values[:size].reshape(shape)


def sign(rng: np.random.Generator, num_series: int) -> Column:
    """-1 or 1 per series, equally likely."""
    return (2.0 * rng.integers(0, 2, (num_series, 1)) - 1.0).astype(np.float32)


def chosen(rng: np.random.Generator, num_series: int, share: float) -> Rows:
    """The numbers of the series that something happens to, each with probability `share`."""
    return np.flatnonzero(rng.random(num_series) < share)


def steps(length: int) -> Float32[np.ndarray, "1 time"]:
    """0, 1, 2, ... as one row."""
    return np.arange(length, dtype=np.float32)[None]


def standardise(series: Series) -> Series:
    """Mean 0 and standard deviation 1 per series; a constant series becomes 0."""
    centred = series - series.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.mean(np.square(centred), axis=1, keepdims=True))
    centred *= np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, 1e-6), 0.0)
    return centred


def look_up(
    table: Float32[np.ndarray, "series entries"], index: Int[np.ndarray, "series time"]
) -> Float32[np.ndarray, "series time"]:
    """`table[i, index[i, t]]`, several times faster than `take_along_axis`."""
    first = table.shape[1] * np.arange(len(table))[:, None]
    return table.ravel().take(index + first)


def product(a: Float32[np.ndarray, "*any"], b: Float32[np.ndarray, "*other"]) -> Float32[np.ndarray, "..."]:
    """`a @ b` by PyTorch, which keeps to the number of threads that was set; numpy would take all cores."""
    return (torch.from_numpy(a) @ torch.from_numpy(b)).numpy()


def fill_by_choice(rng: np.random.Generator, num_series: int, length: int, choices: Choices) -> Series:
    """Every series from one of the generators, chosen with the probability proportional to its weight."""
    weights = np.array([weight for _, weight in choices])
    choice = rng.choice(len(choices), size=num_series, p=weights / weights.sum())
    series = np.empty((num_series, length), dtype=np.float32)
    for index, (generate, _) in enumerate(choices):
        rows = np.flatnonzero(choice == index)
        if len(rows):
            series[rows] = generate(rng, len(rows), length)
    return series
