"""What a monitor tells: counts since its start, statistics of the last window, crossed thresholds."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from toto.errors import InputError
from toto.inference.monitor.windows import Statistics

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
UNITS = {"latency": "s", "spread": "naive errors", "error": "naive errors"}


@dataclass(frozen=True)
class MonitorThresholds:
    """What a monitor warns of; None switches one off.

    latency_seconds: mean latency above it.
    variation: a coefficient of variation above it, of latency, spread or error.
    drift: a mean that is off its baseline by more than this share, 0.5 being 50 %, up or down.
    coverage: a share of values inside the interval that is off its nominal share by more than this.
    """

    latency_seconds: float | None = None
    variation: float | None = 1.5
    drift: float | None = 0.5
    coverage: float | None = 0.15

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: one that is not a number above 0.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (is_number(value) and value > 0):
                raise InputError(f"{field.name} must be above 0 or None, got {value!r}")


@dataclass(frozen=True)
class Totals:
    """Counts since the start of a monitor, which only grow.

    num_scored: actual values that met their forecast; a value meets every forecast that waits for it.
    num_unmatched: actual values for which no forecast waited.
    num_dropped: forecasts that were given up before all their actual values came, for lack of room.
    latency_counts: forecasts by latency, up to each of `LATENCY_BOUNDS` and above.
    """

    num_forecasts: int = 0
    num_rows: int = 0
    num_scored: int = 0
    num_unmatched: int = 0
    num_dropped: int = 0
    latency_seconds: float = 0.0
    latency_counts: tuple[int, ...] = (0,) * (len(LATENCY_BOUNDS) + 1)

    def with_forecast(self, num_rows: int, seconds: float) -> "Totals":
        """One forecast more."""
        counts = list(self.latency_counts)
        counts[int(np.searchsorted(LATENCY_BOUNDS, seconds))] += 1
        return replace(
            self,
            num_forecasts=self.num_forecasts + 1,
            num_rows=self.num_rows + num_rows,
            latency_seconds=self.latency_seconds + seconds,
            latency_counts=tuple(counts),
        )


@dataclass(frozen=True)
class MonitorReport:
    """The state of a monitor.

    latency: seconds of a forecast.
    spread: width of the central interval, mean over the steps of a forecast, in naive errors: 1 is the mean
        step from one value of the history to the next.
    error: absolute error of the median, mean over the values that came at once, in naive errors.
    coverage: share of actual values inside the interval; None of too few arrivals.
    interval: the share that should be inside.
    num_compilations: graphs compiled by `torch.compile` since the monitor was made.
    num_waiting: forecasts some of whose actual values have not come.
    crossed: thresholds that are crossed, in words.
    """

    latency: Statistics | None
    spread: Statistics | None
    error: Statistics | None
    coverage: float | None
    interval: float
    num_compilations: int
    num_waiting: int
    totals: Totals
    crossed: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether no threshold is crossed."""
        return not self.crossed

    def quantities(self) -> Iterator[tuple[str, Statistics]]:
        """Latency, spread and error, if there are any."""
        for name in UNITS:
            statistics = getattr(self, name)
            if statistics is not None:
                yield name, statistics

    def crossings(self, thresholds: MonitorThresholds) -> Iterator[str]:
        """What is beyond a threshold, in words that stay the same while it is."""
        latency = thresholds.latency_seconds
        if latency is not None and self.latency is not None and self.latency.mean > latency:
            yield f"latency above {latency:g} s"
        for name, statistics in self.quantities():
            if _beyond(statistics.cv, thresholds.variation):
                yield f"variation of {name} above {thresholds.variation:g}"
            if _beyond(statistics.drift, thresholds.drift):
                yield f"drift of {name} beyond {thresholds.drift:.0%}"
        off = None if self.coverage is None else self.coverage - self.interval
        if _beyond(off, thresholds.coverage):
            yield f"coverage off {self.interval:.0%} by more than {thresholds.coverage:.0%}"

    def __str__(self) -> str:
        """A table."""
        lines = [f"{'':8}  {'mean':>8}  {'variation':>9}  {'drift':>6}"]
        for name, found in self.quantities():
            variation = "" if found.cv is None else f"{found.cv:.2f}"
            drift = "" if found.drift is None else f"{found.drift:+.0%}"
            lines.append(f"{name:8}  {found.mean:8.3g}  {variation:>9}  {drift:>6}  {UNITS[name]}")
        if self.coverage is not None:
            lines.append(f"coverage  {self.coverage:8.1%}  of {self.interval:.0%}")
        totals = self.totals
        lines.append(
            f"{totals.num_forecasts} forecasts of {totals.num_rows} series, {totals.num_scored} values "
            f"scored, {self.num_compilations} compilations"
        )
        return "\n".join([*lines, *(f"crossed: {crossing}" for crossing in self.crossed)])


def is_number(value: Any) -> bool:
    """Whether a value is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _beyond(value: float | None, threshold: float | None) -> bool:
    return value is not None and threshold is not None and abs(value) > threshold
