"""Cycles of any length: a shape repeated, with what real cycles do to it.

A cycle is a table read at `phase = t / period + offset`. Its phase may wander, its strength differ
from cycle to cycle, its shape turn into another one; a second, longer cycle is added or multiplied.
"""

import numpy as np
from jaxtyping import Float32, Int

from toto.training.synthetic.autoregression import ar1_with, smooth_walk
from toto.training.synthetic.calendar import calendar
from toto.training.synthetic.draws import (
    Column,
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    look_up,
    standardise,
    steps,
    uniform,
)
from toto.training.synthetic.profiles import any_profile, read_cycle

POINTS = 128  # of a cycle in its table

# Two cycles of metrics in steps, and how common the pair is; those of days and weeks are in `calendar`.
PERIODS: dict[tuple[float, float], float] = {
    (60, 3600): 2.0,  # a second: minute, hour
    (300, 3600): 1.0,
    (12, 720): 2.0,  # 5 seconds: minute, hour
    (60, 720): 1.0,
    (6, 360): 1.0,  # 10 seconds
    (20, 240): 1.0,  # 15 seconds: five minutes, hour
    (10, 120): 1.0,  # 30 seconds
    (60, 1440): 2.0,  # a minute: hour, day
    (10, 1440): 1.0,
    (12, 288): 2.0,  # 5 minutes: hour, day
    (24, 168): 3.0,  # an hour: day, week
    (168, 24): 1.5,
    (168, 8766): 0.5,  # week, year
    (2016, 288): 1.5,  # 5 minutes: week, day
    (672, 96): 1.0,  # 15 minutes: week, day
    (7, 30.44): 1.0,  # a day: week, month
    (365.25, 7): 1.0,  # year, week
    (52.18, 13.04): 1.5,  # a week: year, quarter
    (12, 36): 3.0,  # a month: year
    (4, 40): 1.5,  # a quarter: year
}


def sample_periods(rng: np.random.Generator, num_series: int, length: int) -> Float32[np.ndarray, "series 2"]:
    """Two periods in steps per series: half of the pairs from PERIODS, too long ones a tenth as often.

    The others are random, half of these whole numbers: the first 3 steps to nine tenths of the series, the
    second 1.5 to 10 times as long.
    """
    weights = np.array([w if first < length else 0.1 * w for (first, _), w in PERIODS.items()])
    table = np.array(list(PERIODS), dtype=np.float32)
    known = table[rng.choice(len(PERIODS), num_series, p=weights / weights.sum())]
    first = log_uniform(rng, num_series, 3.0, max(0.9 * length, 4.0))
    whole = uniform(rng, num_series, 0.0, 1.0) < 0.5
    first = np.where(whole, np.rint(first), first)
    free = np.concatenate([first, first * log_uniform(rng, num_series, 1.5, 10.0)], axis=1)
    return np.where(uniform(rng, num_series, 0.0, 1.0) < 0.5, free, known)


def wandering(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """How far a phase has wandered, in cycles: smoothly, by a hundredth to half a cycle over the series."""
    return log_uniform(rng, num_series, 0.01, 0.5) * standardise(smooth_walk(rng, num_series, length))


def by_cycle(rng: np.random.Generator, cycle: Int[np.ndarray, "series time"]) -> Series:
    """A strength around 1 for every step by the number of its cycle; it lasts for some cycles."""
    num_series, num_cycles = len(cycle), int(cycle.max(initial=0)) + 1
    size = log_uniform(rng, num_series, 0.02, 0.5)
    strength = np.exp(size * ar1_with(rng, uniform(rng, num_series, 0.0, 0.9), num_cycles))
    return look_up(strength, cycle)


def one_season(rng: np.random.Generator, period: Column, length: int) -> Series:
    """A standardised cycle of the given periods; in some series its phase, strength or shape changes."""
    num_series = len(period)
    phase = steps(length) / period + uniform(rng, num_series, 0.0, 1.0)
    rows = chosen(rng, num_series, 0.2)
    phase[rows] += wandering(rng, len(rows), length)
    phase -= np.minimum(phase.min(axis=1, keepdims=True), 0.0)
    series = read_cycle(any_profile(rng, num_series, POINTS), phase)
    rows = chosen(rng, num_series, 0.15)
    share = 0.5 + 0.5 * np.tanh(2.0 * standardise(smooth_walk(rng, len(rows), length)))
    series[rows] += share * (read_cycle(any_profile(rng, len(rows), POINTS), phase[rows]) - series[rows])
    rows = chosen(rng, num_series, 0.35)
    series[rows] *= by_cycle(rng, phase[rows].astype(np.int32))
    return series


def cycles(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One cycle, or two that are added or multiplied; periods of metrics and random ones."""
    periods = sample_periods(rng, num_series, length)
    series = one_season(rng, periods[:, :1], length)
    second = chosen(rng, num_series, 0.4)
    added, multiplied = np.array_split(second, [2 * len(second) // 3])
    other = one_season(rng, periods[second, 1:], length)
    series[added] += log_uniform(rng, len(added), 0.1, 1.0) * other[: len(added)]
    series[multiplied] *= np.exp(
        uniform(rng, len(multiplied), 0.1, 0.6) * np.clip(other[len(added) :], -2.5, 2.5)
    )
    return series


def any_season(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A calendar of days and weeks, or cycles of any length."""
    return fill_by_choice(rng, num_series, length, [(calendar, 0.6), (cycles, 0.4)])
