"""Days laid end to end: metrics that follow people, at sampling intervals from a minute to a day.

A week is a table of seven days of 96 points; every day of a series is one row of it, scaled by the
strength of that day and lifted by its level. Weekends, holidays, weather and the time of year are
choices of row, strength and level. The table is read at whole steps per day, so that nothing is
interpolated and a series is a few copies of blocks.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int

from toto.training.synthetic.autoregression import ar1_with
from toto.training.synthetic.draws import Column, Series, chosen, log_uniform, look_up, normal, steps, uniform
from toto.training.synthetic.profiles import any_profile, fourier, grid, read_cycle

Week = Float32[np.ndarray, "series 7 points"]
PerDay = Float32[np.ndarray, "series days"]
DayNumbers = Int[np.ndarray, "series days"]
Interval = Int[np.ndarray, " series"]

POINTS = 96  # of a day in the table of a week
YEAR = 365.25  # days

# steps per day and how common such metrics are
STEPS_PER_DAY: dict[int, float] = {
    1440: 1.5,  # a minute
    288: 4.0,  # 5 minutes
    144: 2.0,
    96: 4.0,  # 15 minutes
    48: 3.0,
    24: 8.0,  # an hour
    12: 0.7,
    8: 0.5,
    4: 0.8,
    2: 0.3,
    1: 4.0,  # a day
}


def draw_steps_per_day(rng: np.random.Generator, num_series: int, length: int) -> Interval:
    """A sampling interval per series, four different ones at most; days longer than the series are rare.

    Few different intervals make large groups of series, and work on groups is fast.
    """
    weights = np.array([w if n < length else 0.1 * w for n, w in STEPS_PER_DAY.items()])
    present = rng.choice(list(STEPS_PER_DAY), 4, p=weights / weights.sum())
    return rng.choice(present, num_series)


def draw_week(rng: np.random.Generator, kind: Column) -> Week:
    """A week per series: equal days where `kind` is below 0.3, else another weekend or seven levels.

    Every eighth series has no days but one shape over the whole week, most often five days of work.
    """
    num_series = len(kind)
    shapes = any_profile(rng, 2 * num_series, POINTS)
    first, second = shapes[:num_series, None], shapes[num_series:, None]
    weekend = (np.arange(7) >= 5).astype(np.float32)[None, :, None] * (kind[..., None] > 0.3)
    # a day of the weekend has another shape, strength and level
    other = np.clip(uniform(rng, num_series, -0.7, 1.2), 0.0, 1.0)[..., None] * weekend
    strength = 1.0 - np.clip(uniform(rng, num_series, -0.3, 1.0), 0.0, 1.0)[..., None] * weekend
    level = -np.clip(normal(rng, num_series, 1) + 0.7, -0.5, 2.5)[..., None] * weekend
    differing = (kind[..., None] > 0.8).astype(np.float32)
    strength = strength * np.exp(0.2 * differing * normal(rng, num_series, 7, 1))
    level = level + 0.5 * differing * normal(rng, num_series, 7, 1)
    week = level + strength * ((1.0 - other) * first + other * second)
    long = chosen(rng, num_series, 0.12)
    days = uniform(rng, len(long), 0.0, 0.3)[..., None] * week[long]
    week[long] = any_profile(rng, len(long), 7 * POINTS).reshape(len(long), 7, POINTS) + days
    return smooth(rng, week)


def smooth(rng: np.random.Generator, week: Week) -> Week:
    """Round the corners of two weeks in three, midnights included, over some minutes to hours."""
    num_series, num_points = len(week), 7 * POINTS
    width = log_uniform(rng, num_series, 0.2, 8.0) * (uniform(rng, num_series, 0.0, 1.0) < 0.67)
    frequency = np.arange(num_points // 2 + 1, dtype=np.float32)[None] / np.float32(num_points)
    spectrum = np.fft.rfft(week.reshape(num_series, num_points), axis=1)
    spectrum *= np.exp(-2.0 * np.square(np.float32(np.pi) * width * frequency))
    return np.fft.irfft(spectrum, n=num_points, axis=1).astype(np.float32).reshape(week.shape)


def sample_days(week: Week, steps_per_day: int) -> Float32[np.ndarray, "series 7 steps"]:
    """The week at another number of points per day: means of points, or straight lines between them."""
    num_series = len(week)
    if POINTS % steps_per_day == 0:
        return week.reshape(num_series, 7, steps_per_day, -1).mean(axis=3)
    cycle = week.reshape(num_series, -1)
    phase = np.repeat(grid(7 * steps_per_day), num_series, axis=0)
    return read_cycle(cycle, phase).reshape(num_series, 7, steps_per_day)


def holidays(rng: np.random.Generator, day: DayNumbers) -> Bool[np.ndarray, "series days"]:
    """True on holidays: up to 15 dates that return every year, in half of the series."""
    num_series, most = len(day), 15
    number = uniform(rng, num_series, -15.0, 15.0)
    dates = np.zeros((num_series, 366), dtype=np.float32)
    each = np.arange(num_series)[:, None]
    dates[each, rng.integers(0, 366, (num_series, most))] = np.arange(most) < number
    return look_up(dates, (day % YEAR).astype(np.int64)) > 0


def yearly(rng: np.random.Generator, day: DayNumbers) -> PerDay:
    """The effect of the time of year on every day: absent in half, up to twice as strong as a day."""
    size = np.exp(uniform(rng, len(day), -5.0, 1.0)) * (uniform(rng, len(day), 0.0, 1.0) < 0.5)
    return size * read_cycle(fourier(rng, len(day), 52), (day / YEAR).astype(np.float32))


def weather(rng: np.random.Generator, num_series: int, num_days: int) -> PerDay:
    """What differs from day to day and lasts for a while, of variance 1."""
    return ar1_with(rng, uniform(rng, num_series, 0.0, 0.97), num_days)


def between_days(per_day: PerDay, steps_per_day: int) -> Float32[np.ndarray, "series intervals steps"]:
    """Straight lines from one day's value to the next; the last day's only ends the line before it."""
    share = (steps(steps_per_day) / np.float32(steps_per_day))[:, None]
    return per_day[:, :-1, None] + share * np.diff(per_day, axis=1)[..., None]


def days_in_a_row(rng: np.random.Generator, week: Week, length: int, start: int) -> Series:
    """A series of the given week from the step `start` of it on."""
    num_series, _, steps_per_day = week.shape
    num_days = (start + length) // steps_per_day + 2
    day = np.arange(num_days)[None] + rng.integers(0, 365, (num_series, 1))
    row = np.arange(num_days) % 7
    rows = np.where(holidays(rng, day), 6, row)
    # strength acts from the lowest point of the days, or around their mean
    lowest = (rng.random((num_series, 1, 1)) < 0.6) * week.min(axis=(1, 2), keepdims=True)
    days = (week - lowest)[np.arange(num_series)[:, None], rows[:, :-1]]
    spread = log_uniform(rng, num_series, 0.01, 0.6) * (uniform(rng, num_series, 0.0, 1.0) < 0.6)
    year = yearly(rng, day)
    strength = np.exp(spread * weather(rng, num_series, num_days) + 0.3 * sign_of(rng, num_series) * year)
    days *= between_days(strength, steps_per_day)
    days += between_days(year, steps_per_day)
    return days.reshape(num_series, -1)[:, start : start + length]


def sign_of(rng: np.random.Generator, num_series: int) -> Column:
    """-1, 0 or 1 per series."""
    return rng.integers(-1, 2, (num_series, 1)).astype(np.float32)


def calendar(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Daily and weekly patterns with weekends, holidays, weather and the time of year."""
    steps_per_day = draw_steps_per_day(rng, num_series, length)
    kind = uniform(rng, num_series, 0.0, 1.0)
    # a value per day shows nothing of a week of equal days
    kind[steps_per_day == 1] = 0.3 + 0.7 * kind[steps_per_day == 1]
    week = draw_week(rng, kind)
    series = np.empty((num_series, length), dtype=np.float32)
    for interval in np.unique(steps_per_day):
        rows = np.flatnonzero(steps_per_day == interval)
        start = int(rng.integers(0, 7 * interval))
        series[rows] = days_in_a_row(rng, sample_days(week[rows], int(interval)), length, start)
    return series


def one_calendar(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Series with the same sampling interval and the same weekdays; weeks that resemble one another."""
    interval = int(draw_steps_per_day(rng, 1, length)[0])
    kind = np.repeat(uniform(rng, 1, 0.3 if interval == 1 else 0.0, 1.0), num_series, axis=0)
    week = draw_week(rng, kind)
    own = uniform(rng, num_series, 0.0, 1.0)[..., None]
    week = own * week + (1.0 - own) * week[:1]
    return days_in_a_row(rng, sample_days(week, interval), length, int(rng.integers(0, 7 * interval)))
