"""A task: series, the windows in which they are forecast, and what is known before each."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from toto.errors import InputError
from toto.inference.arguments import count

# values in units, NaN where missing; of several series each has its own shape
Series = Float[np.ndarray, "variates time"]
AnySeries = Float[np.ndarray, "_variates _time"]
Future = Float[np.ndarray, "variates horizon"]

_ROUNDING = 1e-12  # share of its level that rounding makes of a series
_LONGEST_TEST_SHARE, _MOST_WINDOWS = 0.1, 20  # of GIFT-Eval


@dataclass(frozen=True, eq=False)
class Window:
    """One forecast to make: what came before, and what then happened.

    series_index: which series of the task.
    history: all steps before the window; a forecaster may see its end alone.
    actual: the steps of the window, [variates, horizon].
    """

    series_index: int
    history: Series
    actual: Future
    seasonality: int

    @cached_property
    def seasonal_error(self) -> Float[np.ndarray, " variates"]:
        """Mean absolute seasonal difference of the history, in units: the scale of MASE.

        NaN for a variate without two values a season apart; 0 for one whose differences are rounding.
        """
        error = mean_of_known(np.abs(seasonal_differences(self.history, self.seasonality)))
        level = mean_of_known(np.abs(self.history))
        return np.where(error <= _ROUNDING * level, 0.0, error)

    def first(self, num_steps: int) -> "Window":
        """The same window, cut to its first steps."""
        return Window(self.series_index, self.history, self.actual[:, :num_steps], self.seasonality)


@dataclass(frozen=True, eq=False)
class Task:
    """Series and the windows in which they are to be forecast.

    name: of the task, for tables.
    series: [variates, time] each, in float64, NaN where a value is missing.
    origins: for every series, the first step of each of its windows.
    horizon: steps of a window.
    seasonality: steps of a season, for the scale of MASE and the seasonal baselines.
    windows: the rule behind `origins`, in words.
    units: of the values: "as recorded", or how they were scaled.

    Raises:
        InputError: series that are no arrays of two axes, a window that reaches beyond its series or has
            nothing before it, no window at all, or counts below 1.
    """

    name: str
    series: Sequence[AnySeries]
    origins: Sequence[range]
    horizon: int
    seasonality: int
    windows: str
    units: str = "as recorded"

    def __post_init__(self) -> None:
        for count_name in ("horizon", "seasonality"):
            value = count(f"{self.name}: {count_name}", getattr(self, count_name))
            object.__setattr__(self, count_name, value)
        _check_series(self.name, self.series)
        if not self.num_windows:
            raise InputError(f"{self.name}: there is no window to forecast")
        for place, (series, origins) in enumerate(zip(self.series, self.origins, strict=True)):
            if not origins:
                continue
            end = origins[-1] + self.horizon
            needed = end + max(0, 1 - origins[0])  # with a step before the first window
            if needed > series.shape[1]:
                raise InputError(
                    f"{self.name}: series {place} has {series.shape[1]} steps; its {len(origins)} window(s) "
                    f"of horizon {self.horizon} need at least {needed}"
                )

    @property
    def num_windows(self) -> int:
        """Windows over all series."""
        return sum(len(origins) for origins in self.origins)

    @property
    def num_variates(self) -> int:
        """Variates over all series."""
        return sum(len(series) for series in self.series)

    @property
    def num_forecasts(self) -> int:
        """Variates over all windows."""
        pairs = zip(self.series, self.origins, strict=True)
        return sum(len(series) * len(origins) for series, origins in pairs)

    def by_variate(self) -> "Task":
        """The same windows of every variate by itself, as a series of its own."""
        pairs = list(zip(self.series, self.origins, strict=True))
        rows = [values[i : i + 1] for values, _ in pairs for i in range(len(values))]
        origins = [origins for values, origins in pairs for _ in values]
        return replace(self, series=rows, origins=origins)

    def __iter__(self) -> Iterator[Window]:
        """Every window, series by series."""
        for place, (series, origins) in enumerate(zip(self.series, self.origins, strict=True)):
            for origin in origins:
                actual = series[:, origin : origin + self.horizon]
                yield Window(place, series[:, :origin], actual, self.seasonality)


def last_windows(
    name: str, series: Sequence[AnySeries], horizon: int, seasonality: int, num_windows: int | None = None
) -> Task:
    """The windows at the end of every series, not overlapping.

    Args:
        name: of the task.
        series: [variates, time] each.
        horizon: steps of a window.
        seasonality: steps of a season.
        num_windows: of each series; None: as GIFT-Eval counts them, a tenth of the shortest series, rounded
            up to whole windows, and at most 20.

    Raises:
        InputError: no series, one too short for its windows, or counts below 1.
    """
    horizon = count(f"{name}: horizon", horizon)
    _check_series(name, series)
    if num_windows is None:
        shortest = min(values.shape[1] for values in series)
        num_windows = min(max(1, math.ceil(_LONGEST_TEST_SHARE * shortest / horizon)), _MOST_WINDOWS)
    num_windows = count(f"{name}: num_windows", num_windows)
    ends = [values.shape[1] for values in series]
    origins = [range(end - num_windows * horizon, end, horizon) for end in ends]
    return Task(name, series, origins, horizon, seasonality, f"the last {num_windows}, not overlapping")


def _check_series(task: str, series: Sequence[AnySeries]) -> None:
    if len(series) == 0:
        raise InputError(f"{task}: there are no series")
    for place, values in enumerate(series):
        if not isinstance(values, np.ndarray) or values.ndim != 2:
            raise InputError(
                f"{task}: series must be a list of arrays [variates, time], got {np.shape(values)} as number "
                f"{place}: pass np.atleast_2d(values) of each"
            )


def seasonal_differences(history: Series, seasonality: int) -> Float[np.ndarray, "variates pairs"]:
    """Every value less the one a season before; at lag 1 where the history is no longer than a season."""
    lag = usable_seasonality(history, seasonality)
    return history[:, lag:] - history[:, :-lag]


def usable_seasonality(history: Series, seasonality: int) -> int:
    """`seasonality`, or 1 where the history is no longer than a season (as GluonTS has it)."""
    return seasonality if history.shape[1] > seasonality else 1


def mean_of_known(values: Series) -> Float[np.ndarray, " variates"]:
    """The mean over the known values of every variate; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
