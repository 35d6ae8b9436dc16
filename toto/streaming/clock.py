"""Time stamps of a live series, and the steps they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from toto.data.even_steps import fit_even_steps
from toto.errors import InputError

Stamps = Shaped[np.ndarray, " steps"]
Steps = Int[np.ndarray, " steps"]

JITTER = 0.25  # of a step by which a stamp may lie off the grid
_FOLLOWED = 0.1  # of what each stamp is off: the grid follows a drift of up to 2.5 % of a step in each step
_FARTHEST = 2.0**62  # steps that int64 still holds


@dataclass(frozen=True)
class Clock:
    """Even steps from `start` on, which is step 0: datetimes and a timedelta, or numbers.

    A stamp stands for the nearest step, from which it may be off by a quarter of a step: collectors are
    seldom punctual. Nor are their steps quite as long as they say, so the grid follows the stamps.
    """

    start: Any
    interval: Any

    @classmethod
    def of(cls, times: Any) -> "Clock":
        """The clock of ascending stamps, which may have gaps and jitter; see `fit_even_steps`.

        Raises:
            InputError: fewer than two stamps, or stamps that do not ascend.
        """
        stamps = as_stamps(times)
        if len(stamps) < 2:
            raise InputError(f"times of a history must be 2 or more, to know the interval, got {len(stamps)}")
        not_later = stamps[1:] <= stamps[:-1]
        if not_later.any():
            first = int(not_later.argmax()) + 1
            raise InputError(
                f"times must ascend: {stamps[first]} stands after {stamps[first - 1]} "
                f"({int(not_later.sum())} such places): sort the rows, and keep one of each time"
            )
        start, interval = fit_even_steps(stamps)
        if abs(stamps[0] - start) > JITTER * interval:  # steps that drift: they are followed from the first
            start = stamps[0]
        return cls(start, interval)

    def follow(self, times: Any, newest: int = -1) -> tuple[Steps, "Clock"]:
        """The step of each stamp, and the clock behind them: moved by a tenth of what each was off.

        Stamps that are not later than the step before them, `newest` at first, do not move it, and their
        steps are only near: a grid that has moved does not know exactly where it was.

        Raises:
            InputError: a stamp of another kind, or a later one that lies between two steps.
        """
        stamps = as_stamps(times)
        if (stamps.dtype.kind == "M") != isinstance(self.start, np.datetime64):
            kind = "dates" if isinstance(self.start, np.datetime64) else "numbers"
            raise InputError(f"times must be {kind}, as those of the history, got {stamps[:1]}")
        places = np.clip((stamps - self.start) / self.interval, -_FARTHEST, _FARTHEST)
        steps, off, moved = [], [], 0.0
        for number, place in enumerate(places.tolist()):
            step = round(place - moved)
            steps.append(step)
            if place - moved <= newest + JITTER:
                continue
            newest = step
            if abs(place - moved - step) > JITTER:
                off.append(number)
            else:
                moved += _FOLLOWED * (place - moved - step)
        if off:
            raise InputError(
                f"times must lie on the grid of the stream, {self.start} + n x {self.interval}, to a quarter "
                f"of a step, got {stamps[off[0]]} ({len(off)} such)"
            )
        return np.array(steps, dtype=np.int64), replace(self, start=self.start + moved * self.interval)

    @property
    def interval_seconds(self) -> float:
        """One step in seconds; numbers are taken for seconds."""
        if isinstance(self.interval, np.timedelta64):
            return float(self.interval / np.timedelta64(1, "s"))
        return float(self.interval)

    def time(self, step: int) -> Any:
        """The stamp of a step."""
        return self.start + step * self.interval

    def to_json(self) -> dict[str, Any]:
        """The clock as plain values."""
        if isinstance(self.start, np.datetime64):
            start, interval = self.start.astype("M8[us]"), self.interval.astype("m8[us]")
            return {"start": str(start), "interval_microseconds": int(interval.astype(np.int64))}
        return {"start": _plain(self.start), "interval": _plain(self.interval)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Clock":
        """The clock of `to_json`."""
        if "interval_microseconds" in values:
            interval = np.timedelta64(values["interval_microseconds"], "us")
            return cls(np.datetime64(values["start"], "us"), interval)
        return cls(values["start"], values["interval"])


def as_stamps(times: Any) -> Stamps:
    """Times as `datetime64` in microseconds, or as float64.

    Args:
        times: datetimes (with a time zone: as UTC), ISO 8601 texts, `datetime64`, or numbers; one or several.

    Raises:
        InputError: anything else, a time that is missing, or more than one axis.
    """
    try:
        if isinstance(times, (str, datetime)):
            times = [times]
        if isinstance(times, Sequence) and any(isinstance(time, (str, datetime)) for time in times):
            times = [_naive(time) for time in times]
        stamps = np.atleast_1d(np.asarray(times))
        stamps = stamps.astype("M8[us]" if stamps.dtype.kind in "MO" else np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"times must be dates or numbers, got {times!r}: {error}") from error
    if stamps.ndim != 1:
        raise InputError(f"times must be [time], one for each step, got shape {stamps.shape}")
    unknown = np.isnat(stamps) if stamps.dtype.kind == "M" else ~np.isfinite(stamps)
    if unknown.any():
        raise InputError(f"times must be known, got {stamps[unknown.argmax()]} at place {unknown.argmax()}")
    return stamps


def _plain(number: Any) -> int | float:
    return int(number) if isinstance(number, Integral) else float(number)


def _naive(time: Any) -> Any:
    """A datetime without time zone, in UTC."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time.strip().replace("Z", "+00:00"))
    if isinstance(time, datetime) and time.tzinfo is not None:
        return time.astimezone(timezone.utc).replace(tzinfo=None)
    return time
