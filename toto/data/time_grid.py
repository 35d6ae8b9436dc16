"""Regular time axes, in numpy alone: even steps, business days, months.

Time stamps are `datetime64` without a time zone, or plain numbers in a unit of their own.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped

from toto.data.even_steps import digits, fit_even_steps, most_common_interval

Stamps = Shaped[np.ndarray, " steps"]
Steps = Int[np.ndarray, " steps"]

DAY = np.timedelta64(1, "D")
MONTH_SECONDS = 2_629_746  # the mean month of the calendar, 365.2425 days / 12
_UNITS = {"day": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass(frozen=True)
class TimeGrid(ABC):
    """Time stamps of the steps ..., -1, 0, 1, ...; step 0 is at `start`."""

    start: Any

    @property
    @abstractmethod
    def spacing(self) -> str:
        """One step in words: `15 min`, `1 business day`, `3 months`."""

    @property
    def counts_time(self) -> bool:
        """Whether stamps are datetimes, not numbers."""
        return True

    @property
    @abstractmethod
    def interval_seconds(self) -> float:
        """One step in seconds (the mean one of a calendar); a number grid counts in its own unit."""

    @abstractmethod
    def at(self, steps: Steps) -> Stamps:
        """The time stamps of these steps."""

    @abstractmethod
    def nearest(self, stamps: Stamps) -> Steps:
        """A step near each stamp: of even steps the nearest, of a calendar the day's or the month's."""

    def holds(self, stamps: Stamps) -> Bool[np.ndarray, " steps"]:
        """Whether each stamp is that of a step."""
        return self.at(self.nearest(stamps)) == stamps

    def starting_at(self, step: int) -> "TimeGrid":
        """The same grid with `step` as step 0."""
        return replace(self, start=self.at(np.array([step]))[0]) if step else self


@dataclass(frozen=True)
class EvenGrid(TimeGrid):
    """Steps of one length: a `timedelta64`, or a number. A stamp may be off by a thousandth of a step."""

    step: Any

    @property
    def counts_time(self) -> bool:
        """Whether stamps are datetimes, not numbers."""
        return isinstance(self.step, np.timedelta64)

    @property
    def spacing(self) -> str:
        """The step in the largest unit that divides it."""
        if not self.counts_time:
            return f"{self.step:g}"
        microseconds = int(self.step / np.timedelta64(1, "us"))
        name, size = next(unit for unit in _UNITS.items() if microseconds % unit[1] == 0)
        count = microseconds // size
        return f"{count} {name}" + "s" * (name == "day" and count > 1)

    @property
    def interval_seconds(self) -> float:
        """The step in seconds, or the number that it is."""
        if self.counts_time:
            return float(self.step / np.timedelta64(1, "s"))
        return float(self.step)

    def at(self, steps: Steps) -> Stamps:
        """Start + step * steps, without the noise of float arithmetic."""
        stamps = self.start + self.step * steps
        return np.round(stamps, digits(self.step)) if stamps.dtype.kind == "f" else stamps

    def nearest(self, stamps: Stamps) -> Steps:
        """The nearest step to each stamp."""
        return np.rint((stamps - self.start) / self.step).astype(np.int64)

    def holds(self, stamps: Stamps) -> Bool[np.ndarray, " steps"]:
        """Whether each stamp is that of a step, to a thousandth of a step."""
        return np.abs(stamps - self.at(self.nearest(stamps))) / self.step <= 1e-3


@dataclass(frozen=True)
class BusinessDayGrid(TimeGrid):
    """Mondays to Fridays, at the time of day of the first stamp."""

    spacing = "1 business day"
    interval_seconds = 86_400.0

    def at(self, steps: Steps) -> Stamps:
        """The business days counted from the first."""
        day = self.start.astype("M8[D]")
        return np.busday_offset(day, steps, roll="forward") + (self.start - day)

    def nearest(self, stamps: Stamps) -> Steps:
        """The step of each stamp's day; of a weekend that of the Monday after it."""
        return np.busday_count(self.start.astype("M8[D]"), stamps.astype("M8[D]")).astype(np.int64)


@dataclass(frozen=True)
class MonthGrid(TimeGrid):
    """Every so many months, on one day of the month, at the time of day of the first stamp.

    `day` is `last`, `first business`, `last business`, or a number; a month that is too short for
    the number has its last day.
    """

    months: int
    day: str | int

    @property
    def spacing(self) -> str:
        """The step in years or months."""
        count, name = (self.months // 12, "year") if self.months % 12 == 0 else (self.months, "month")
        return f"{count} {name}" + "s" * (count > 1)

    @property
    def interval_seconds(self) -> float:
        """The step in mean months."""
        return float(self.months * MONTH_SECONDS)

    def at(self, steps: Steps) -> Stamps:
        """The day of every month counted from the first."""
        month = self.start.astype("M8[M]") + self.months * steps
        first, last = month.astype("M8[D]"), (month + 1).astype("M8[D]") - 1
        if self.day == "last":
            days = last
        elif self.day == "first business":
            days = np.busday_offset(first, 0, roll="forward")
        elif self.day == "last business":
            days = np.busday_offset(last, 0, roll="backward")
        else:
            days = np.minimum(first + (int(self.day) - 1), last)
        return days + (self.start - self.start.astype("M8[D]"))

    def nearest(self, stamps: Stamps) -> Steps:
        """The step in whose months each stamp lies."""
        return (stamps.astype("M8[M]") - self.start.astype("M8[M]")).astype(np.int64) // self.months


def fit_grid(stamps: Stamps) -> TimeGrid:
    """The regular grid of ascending stamps (datetimes: two or more), which may have gaps and jitter.

    A calendar that holds every stamp (business days with no stamp on a weekend; months by their last, same,
    first or last business day), or even steps that do. Otherwise a calendar with one stamp in each
    of its days or months, or else the even steps that stamps are nearest to.
    """
    if stamps.dtype.kind != "M":
        start, step = fit_even_steps(stamps) if len(stamps) > 1 else (stamps[0], stamps.dtype.type(1))
        return EvenGrid(start.item(), step.item())
    calendars, even = _calendars(stamps), EvenGrid(*fit_even_steps(stamps))
    for grid in (*calendars, even):
        if grid.holds(stamps).all():
            return grid
    return max(calendars, key=lambda grid: grid.holds(stamps).sum(), default=even)


def _calendars(stamps: Stamps) -> list[TimeGrid]:
    """Calendars that have a day or a month of its own for each of the stamps, and as far apart."""
    days, months = stamps.astype("M8[D]"), stamps.astype("M8[M]").astype(np.int64)
    if not (np.diff(days) > np.timedelta64(0, "D")).all():
        return []
    interval = most_common_interval(days)
    if interval == DAY and stamps[-1] - stamps[0] > 4 * DAY:  # else no weekend lies inside
        return [BusinessDayGrid(stamps[0])] if np.is_busday(days).all() else []
    if interval < 28 * DAY or not np.diff(months).all():
        return []
    apart = int(np.gcd.reduce(np.diff(months)))
    day_of_month = (days - stamps.astype("M8[M]")).astype(np.int64) + 1
    return [
        MonthGrid(stamps[0], apart, day)
        for day in ("last", int(day_of_month.max()), "first business", "last business")
    ]
