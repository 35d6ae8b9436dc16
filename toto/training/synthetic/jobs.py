"""Work that a clock starts: heartbeats, scheduled jobs, batches that run for a while."""

import numpy as np

from toto.training.synthetic.draws import (
    Column,
    Series,
    chosen,
    fill_by_choice,
    log_uniform,
    look_up,
    normal,
    steps,
    uniform,
)

SCHEDULES = (5, 6, 10, 12, 15, 20, 24, 30, 48, 60, 96, 120, 144, 288, 360, 720, 1440)  # steps


def draw_schedule(rng: np.random.Generator, num_series: int, length: int) -> Column:
    """Steps between starts: those of clocks, or any whole number, up to half of the series."""
    fitting = [period for period in SCHEDULES if 2 * period <= length] or [SCHEDULES[0]]
    known = rng.choice(fitting, (num_series, 1)).astype(np.float32)
    free = np.rint(log_uniform(rng, num_series, 3.0, max(length / 2, 4.0)))
    return np.where(uniform(rng, num_series, 0.0, 1.0) < 0.6, known, free)


def since_start(rng: np.random.Generator, period: Column, length: int) -> tuple[Series, Series]:
    """Steps since the job started last, and the number of that start, both whole.

    In a fifth of the series starts are late by up to a tenth of the period.
    """
    clock = steps(length) + np.floor(uniform(rng, len(period), 0.0, 1.0) * period)
    number = np.floor(clock / period)
    late = uniform(rng, len(period), 0.0, 0.1) * (uniform(rng, len(period), 0.0, 1.0) < 0.2)
    delay = np.floor(late * period * per_start(rng, number))
    return clock - number * period - delay, number


def per_start(rng: np.random.Generator, number: Series) -> Series:
    """A uniform value for every step that is the same until the next start."""
    values = rng.random((len(number), int(number.max(initial=0)) + 1), dtype=np.float32)
    return look_up(values, number.astype(np.int32))


def sizes(rng: np.random.Generator, number: Series) -> Series:
    """The size of every run: around 1, nearly equal to widely different; up to a tenth are left out."""
    spread = log_uniform(rng, len(number), 0.01, 0.8)
    values = np.exp(spread * normal(rng, len(number), int(number.max(initial=0)) + 1))
    left_out = uniform(rng, len(number), -0.2, 0.1)
    values *= rng.random(values.shape, dtype=np.float32) >= left_out
    return look_up(values, number.astype(np.int32))


def heartbeat(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One high step per period, or a few, that dies away at once; some beats are missing."""
    since, number = since_start(rng, draw_schedule(rng, num_series, length), length)
    width = np.floor(uniform(rng, num_series, 1.0, 1.7) ** 3)
    return sizes(rng, number) * ((since >= 0) & (since < width)).astype(np.float32)


def scheduled_job(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A load that starts by the clock, holds for a part of the period and ends at once or dies away."""
    period = draw_schedule(rng, num_series, length)
    since, number = since_start(rng, period, length)
    part = uniform(rng, num_series, 0.05, 0.7) * (0.7 + 0.6 * per_start(rng, number))
    duration = np.maximum(period * part, 1.0)
    started = (since >= 0).astype(np.float32)
    running = started * (since < duration)
    rows = chosen(rng, num_series, 0.4)
    running[rows] = started[rows] * np.exp(-np.maximum(since[rows], 0.0) / (0.3 * duration[rows]))
    return sizes(rng, number) * running


def two_jobs(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """A frequent small job and a rare large one on the same machine."""
    small = heartbeat(rng, num_series, length)
    return small + log_uniform(rng, num_series, 0.5, 10.0) * scheduled_job(rng, num_series, length)


def any_job(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    return fill_by_choice(rng, num_series, length, [(heartbeat, 1.0), (scheduled_job, 1.0), (two_jobs, 1.0)])
