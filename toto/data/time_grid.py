"""Regular time axes, in numpy alone: even steps, business days, months.

Time stamps are `datetime64` without a time zone, or plain numbers in a unit of their own.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

Stamps = Shaped[np.ndarray, " steps"]
Steps = Int[np.ndarray, " steps"]

DAY = np.timedelta64(1, "D")
MONTH_SECONDS = 2_629_746  # the mean month of the calendar, 365.2425 days / 12
_UNITS = {"day": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


class TimeGrid(ABC):
    """Time stamps of the steps ..., -1, 0, 1, ...; step 0 is the first stamp of the series."""

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
    def _nearest(self, stamps: Stamps) -> Steps:
        """A step near each stamp; the very step if the stamp is on the grid."""

    def steps_of(self, stamps: Stamps) -> Steps:
        """The step of each of the ascending stamps; -1 for one that is not on the grid."""
        steps = self._nearest(stamps)
        on_grid = self._equal(self.at(steps), stamps)
        on_grid[1:] &= np.diff(steps) > 0
        return np.where(on_grid, steps, -1)

    def _equal(self, expected: Stamps, stamps: Stamps) -> Shaped[np.ndarray, " steps"]:
        return expected == stamps


@dataclass(frozen=True)
class EvenGrid(TimeGrid):
    """Steps of one length: a `timedelta64`, or a number. A stamp may be off by a thousandth of a step."""

    start: Any
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
        return np.round(stamps, _digits(self.step)) if stamps.dtype.kind == "f" else stamps

    def _nearest(self, stamps: Stamps) -> Steps:
        return np.rint((stamps - self.start) / self.step).astype(np.int64)

    def _equal(self, expected: Stamps, stamps: Stamps) -> Shaped[np.ndarray, " steps"]:
        return np.abs(stamps - expected) / self.step <= 1e-3


@dataclass(frozen=True)
class BusinessDayGrid(TimeGrid):
    """Mondays to Fridays, at the time of day of the first stamp."""

    start: np.datetime64

    spacing = "1 business day"
    interval_seconds = 86_400.0

    def at(self, steps: Steps) -> Stamps:
        """The business days counted from the first."""
        day = self.start.astype("M8[D]")
        return np.busday_offset(day, steps, roll="forward") + (self.start - day)

    def _nearest(self, stamps: Stamps) -> Steps:
        return np.busday_count(self.start.astype("M8[D]"), stamps.astype("M8[D]")).astype(np.int64)


@dataclass(frozen=True)
class MonthGrid(TimeGrid):
    """Every so many months, on one day of the month, at the time of day of the first stamp.

    `day` is `last`, `first business`, `last business`, or a number; a month that is too short for
    the number has its last day.
    """

    start: np.datetime64
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

    def _nearest(self, stamps: Stamps) -> Steps:
        return (stamps.astype("M8[M]") - self.start.astype("M8[M]")).astype(np.int64) // self.months


def fit_grid(stamps: Stamps) -> TimeGrid:
    """The regular grid of ascending stamps (datetimes: two or more), which may have gaps.

    A calendar that holds every stamp (business days with no stamp on a weekend; months by
    their last, same, first or last business day); otherwise even steps of the most common
    interval, which `steps_of` tells the stamps on the grid from the others of.
    """
    step = most_common_interval(stamps) if len(stamps) > 1 else stamps.dtype.type(1)
    if stamps.dtype.kind != "M":
        return EvenGrid(stamps[0].item(), step.item())
    for grid in _calendars(stamps, step):
        if (grid.steps_of(stamps) >= 0).all():
            return grid
    return EvenGrid(stamps[0], step)


def _calendars(stamps: Stamps, interval: np.timedelta64) -> list[TimeGrid]:
    """Calendars to try, given the most common interval."""
    if interval == DAY and stamps[-1] - stamps[0] > 4 * DAY:  # else no weekend lies inside
        return [BusinessDayGrid(stamps[0])] if np.is_busday(stamps.astype("M8[D]")).all() else []
    months = stamps.astype("M8[M]").astype(np.int64)
    apart = int(np.gcd.reduce(np.diff(months)))
    if interval < 28 * DAY or apart == 0:
        return []
    days = (stamps.astype("M8[D]") - stamps.astype("M8[M]")).astype(np.int64) + 1
    return [
        MonthGrid(stamps[0], apart, day)
        for day in ("last", int(days.max()), "first business", "last business")
    ]


def most_common_interval(stamps: Stamps) -> Any:
    """The most common interval between neighbours, the shortest of several; float noise is rounded away.

    What is noise beside the others is no interval: of 0, 1e-9 and 1 the interval is 1.
    """
    exact = intervals = np.diff(stamps)
    if intervals.dtype.kind == "f":
        intervals = np.round(intervals, _digits(float(np.median(intervals))))
    found, counts = np.unique(intervals[intervals > intervals.dtype.type(0)], return_counts=True)
    return found[np.argmax(counts)] if len(found) else exact.min()


def _digits(step: float) -> int:
    """Decimals that tell millionths of a step apart: what lies beyond is rounding noise."""
    return 6 - int(np.floor(np.log10(step)))
