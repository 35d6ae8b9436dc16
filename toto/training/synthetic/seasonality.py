"""Patterns that repeat: harmonics, daily profiles, sharp cycles, with the periods that metrics have.

A seasonal series is `shape(phase)` with phase = t / period + a random offset, times a slow drift
of its amplitude. The periods come from a table of sampling intervals (a minute, an hour, a day,
a week, a year expressed in steps), a quarter of them at random.
"""

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.draws import (
    Column,
    Series,
    log_uniform,
    normal,
    standardise,
    steps,
    uniform,
)

Profile = Float32[np.ndarray, "series points"]

# Steps in the strongest and in another cycle of metrics, by sampling interval.
PERIODS: tuple[tuple[float, float], ...] = (
    (60, 3600),  # 1 s: minute, hour
    (12, 720),  # 5 s
    (60, 720),  # 5 s: five minutes, hour
    (6, 360),  # 10 s
    (20, 240),  # 15 s: five minutes, hour
    (10, 120),  # 30 s
    (60, 1440),  # 1 min: hour, day
    (1440, 10),  # 1 min: day, and a job every ten minutes
    (288, 2016),  # 5 min: day, week
    (288, 12),  # 5 min: day, and an hourly job
    (144, 1008),  # 10 min
    (96, 672),  # 15 min
    (96, 48),  # 15 min: day and half a day
    (48, 336),  # 30 min
    (24, 168),  # hour: day, week
    (24, 12),  # hour
    (4, 28),  # 6 h: day, week
    (7, 365.25),  # day: week, year
    (7, 30.44),  # day: week, month
    (52.18, 13.04),  # week: year, quarter
    (12, 6),  # month: year
    (4, 16),  # quarter: year
)
WEIGHTS = np.array([2, 2, 1, 1, 1, 1, 2, 1, 3, 1, 2, 4, 1, 3, 6, 1, 1, 3, 1, 1, 2, 1], dtype=np.float64)


def sample_periods(rng: np.random.Generator, num_series: int, length: int) -> Float32[np.ndarray, "series 2"]:
    """Two periods in steps per series; a quarter of the series have random ones, 3 steps to half a series."""
    chosen = rng.choice(len(PERIODS), num_series, p=WEIGHTS / WEIGHTS.sum())
    periods = np.array(PERIODS, dtype=np.float32)[chosen]
    first = log_uniform(rng, num_series, 3.0, max(length / 2, 4.0))
    free = np.concatenate([first, first * log_uniform(rng, num_series, 1.5, 10.0)], axis=1)
    return np.where(uniform(rng, num_series, 0.0, 1.0) < 0.25, free, periods)


def harmonics(rng: np.random.Generator, phase: Series) -> Series:
    """A sum of 1 to 6 harmonics of random phase whose amplitudes fall with their order."""
    num_series = len(phase)
    angle = np.float32(2.0 * np.pi) * phase
    decay = uniform(rng, num_series, 0.5, 2.5)
    highest = rng.integers(1, 7, (num_series, 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    c, s = cosine, sine
    total = np.zeros_like(phase)
    for order in range(1, int(highest.max(initial=0)) + 1):
        size = np.where(order <= highest, np.float32(order) ** -decay, np.float32(0.0))
        total += size * normal(rng, num_series, 1) * c
        total += size * normal(rng, num_series, 1) * s
        c, s = c * cosine - s * sine, s * cosine + c * sine  # the next multiple of the angle
    return total


def interpolate_profile(profile: Profile, phase: Series) -> Series:
    """Read a periodic table [series, points] at a phase in cycles, on straight lines between its points."""
    num_points = profile.shape[1]
    position = phase * np.float32(num_points)
    lower = position.astype(np.int64)
    closed = np.concatenate([profile, profile[:, :1]], axis=1)
    left = np.take_along_axis(closed, lower, axis=1)
    right = np.take_along_axis(closed, lower + 1, axis=1)
    return left + (position - lower).astype(np.float32) * (right - left)


def smooth_profile(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """One random smooth cycle: the first dozen Fourier terms of 1/f noise."""
    order = np.arange(1, 13, dtype=np.float32)[None]
    spectrum = np.zeros((num_series, 13), dtype=np.complex64)
    spectrum[:, 1:] = normal(rng, num_series, 24).view(np.complex64)
    spectrum[:, 1:] *= order ** -uniform(rng, num_series, 0.5, 2.0)
    return standardise(np.fft.irfft(spectrum, n=num_points, axis=1).astype(np.float32))


def working_hours(rng: np.random.Generator, num_series: int, num_points: int) -> Profile:
    """One cycle with a plateau: up in the morning, down in the evening, edges soft or hard."""
    position = steps(num_points) / np.float32(num_points)
    width = uniform(rng, num_series, 0.05, 0.45)
    edge = log_uniform(rng, num_series, 0.005, 0.1)
    return 0.5 + 0.5 * np.tanh((width - np.abs(position - 0.5)) / edge)


def profile(rng: np.random.Generator, phase: Series) -> Series:
    """A daily profile: smooth, a plateau, or both; sometimes only its part above 0, or with high peaks."""
    num_series, num_points = len(phase), 48
    smooth = smooth_profile(rng, num_series, num_points)
    plateau = standardise(working_hours(rng, num_series, num_points))
    share = np.clip(uniform(rng, num_series, -0.5, 1.5), 0.0, 1.0)
    table = share * smooth + (1.0 - share) * plateau
    form = uniform(rng, num_series, 0.0, 1.0)
    table = np.where(form < 0.2, np.maximum(table, 0.0), np.where(form > 0.8, np.exp(table), table))
    return interpolate_profile(standardise(table), phase)


def sharp(rng: np.random.Generator, phase: Series) -> Series:
    """A pulse once a cycle (a cron job, a heartbeat), a square wave, or a ramp."""
    num_series = len(phase)
    width = log_uniform(rng, num_series, 0.01, 0.5)
    distance = np.abs(phase - 0.5)
    form = uniform(rng, num_series, 0.0, 1.0)
    pulse = np.exp(-np.square(distance / width))
    square = (distance < width).astype(np.float32)
    return np.where(form < 0.4, pulse, np.where(form < 0.8, square, phase))


def shape_of(rng: np.random.Generator, phase: Series) -> Series:
    """One of the three families of shapes per series, standardised."""
    series = np.empty_like(phase)
    choice = rng.choice(3, size=len(phase), p=[0.5, 0.35, 0.15])
    for index, shape in enumerate((harmonics, profile, sharp)):
        rows = np.flatnonzero(choice == index)
        if len(rows):
            series[rows] = shape(rng, phase[rows])
    return standardise(series)


def cycle_strength(rng: np.random.Generator, cycle: np.ndarray, size: Column) -> Series:
    """A factor around 1 for every step, by the number of its cycle: weak weekends, strong and weak days."""
    num_series = len(cycle)
    weekday = np.ones((num_series, 7), dtype=np.float32)
    weekday[:, 5:] = uniform(rng, num_series, 0.2, 1.0)
    has_week = uniform(rng, num_series, 0.0, 1.0) < 0.3
    by_day = np.take_along_axis(np.where(has_week, weekday, np.float32(1.0)), cycle % 7, axis=1)
    by_cycle = np.exp(size * normal(rng, num_series, 1024))
    return by_day * np.take_along_axis(by_cycle, np.minimum(cycle, 1023), axis=1)


def one_season(rng: np.random.Generator, period: Column, length: int) -> Series:
    """A standardised pattern of the given periods; in half of the series its strength differs by cycle."""
    num_series = len(period)
    position = steps(length) / period + uniform(rng, num_series, 0.0, 7.0)
    cycle = position.astype(np.int64)
    series = shape_of(rng, (position - cycle).astype(np.float32))
    varied = np.flatnonzero(rng.random(num_series) < 0.5)
    if len(varied):
        size = uniform(rng, len(varied), 0.0, 0.4)
        series[varied] *= cycle_strength(rng, cycle[varied], size)
    return series


def any_season(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One or two seasonal patterns per series; the second is weaker and in half of the series absent."""
    periods = sample_periods(rng, num_series, length)
    series = one_season(rng, periods[:, :1], length)
    second = np.flatnonzero(rng.random(num_series) < 0.5)
    if len(second):
        strength = uniform(rng, len(second), 0.1, 1.0)
        series[second] += strength * one_season(rng, periods[second, 1:], length)
    return series
