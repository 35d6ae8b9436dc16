"""What recording does to a series: coarse values, limits, outliers, drop-outs, a sensor that hangs."""

from collections.abc import Callable

import numpy as np

from toto.training.synthetic.counters import since_last
from toto.training.synthetic.draws import Series, chosen, log_uniform, look_up, sign, steps, uniform
from toto.training.synthetic.events import impulses


def quantise(rng: np.random.Generator, series: Series) -> Series:
    """Round to a grid of 3 to 100 steps per standard deviation: a coarse sensor, whole percents."""
    grid = log_uniform(rng, len(series), 1 / 100, 1 / 3)
    return np.rint(series / grid) * grid


def clip(rng: np.random.Generator, series: Series) -> Series:
    """Cut at a floor, a ceiling or both, 0.3 to 2 standard deviations away: a limit of what is measured."""
    sides = uniform(rng, len(series), 0.0, 1.0)
    far = np.float32(1e3)
    low = np.where(sides < 0.6, uniform(rng, len(series), -2.0, -0.3), -far)
    high = np.where(sides > 0.4, uniform(rng, len(series), 0.3, 2.0), far)
    return np.clip(series, low, high)


def add_outliers(rng: np.random.Generator, series: Series) -> Series:
    """Single steps 3 to 20 standard deviations off, up or down or both, at most one in 200."""
    num_series, length = series.shape
    rate = log_uniform(rng, num_series, 1.0 / length, max(0.005, 2.0 / length))
    sizes = log_uniform(rng, num_series, 3.0, 20.0) * (0.5 + rng.random(series.shape, dtype=np.float32))
    both = np.where(rng.random(series.shape, dtype=np.float32) < 0.5, np.float32(-1.0), np.float32(1.0))
    side = np.where(uniform(rng, num_series, 0.0, 1.0) < 0.3, both, sign(rng, num_series))
    return series + impulses(rng, rate, length) * side * sizes


def stretches(rng: np.random.Generator, num_series: int, length: int, longest: float) -> Series:
    """1 within stretches that begin at random, one to six a series, of 2 steps to `longest`; 0 elsewhere."""
    begins = impulses(rng, log_uniform(rng, num_series, 1.0, 6.0) / np.float32(length), length)
    since = since_last(begins, np.repeat(steps(length), num_series, axis=0))
    duration = log_uniform(rng, num_series, 2.0, max(longest, 3.0))
    return np.maximum.accumulate(begins, axis=1) * (since < duration)


def hang(rng: np.random.Generator, series: Series) -> Series:
    """Repeat the last value throughout some stretches of up to a twentieth of the series."""
    num_series, length = series.shape
    held = stretches(rng, num_series, length, length / 20)
    source = np.where(held > 0, 0, np.arange(length, dtype=np.int32))
    return look_up(series, np.maximum.accumulate(source, axis=1))


def drop_out(rng: np.random.Generator, series: Series) -> Series:
    """Fall to one value below all others for some steps: a collector that reports 0."""
    dropped = stretches(rng, len(series), series.shape[1], 8.0)
    floor = series.min(axis=1, keepdims=True) - log_uniform(rng, len(series), 0.01, 3.0)
    return np.where(dropped > 0, floor, series)


# artefact, share of the series that have it
ARTEFACTS: dict[str, tuple[Callable[[np.random.Generator, Series], Series], float]] = {
    "clip": (clip, 0.04),
    "add outliers": (add_outliers, 0.05),
    "drop out": (drop_out, 0.03),
    "hang": (hang, 0.03),
    "quantise": (quantise, 0.08),
}


def record(rng: np.random.Generator, series: Series) -> Series:
    """Pass small shares of the standardised series through the artefacts, in place."""
    for change, share in ARTEFACTS.values():
        rows = chosen(rng, len(series), share)
        if len(rows):
            series[rows] = change(rng, series[rows])
    return series
