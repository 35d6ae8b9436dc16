"""A series on a regular time grid, with its names and covariates."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.stamps import Stamps
from toto.data.time_grid import TimeGrid
from toto.data.time_zones import to_clock, to_utc

Moments = Shaped[np.ndarray, " steps"]


@dataclass(frozen=True)
class RegularSeries:
    """Variates that share one regular time grid, under the names they had in the frame.

    Values are in the units of the frame; NaN is missing. The first step is step 0 of `grid`.

    variates: the name of each; of a long frame that of its target column.
    ids: the series id of each variate; empty for the one series of a wide frame.
    several_targets: whether an id alone does not name a variate.
    grid_shows_zone: whether the stamps of the grid are those of a clock in `time_zone`; else they are UTC.
    time_type: the narwhals type of the time column; None: datetimes to 1 us, or numbers.
    day_first: how dates such as 01/02/2026 were read, for those to come; None: it does not matter.
    aggregate: what was made of several rows of one step, a name in `AGGREGATES`; None: they were an error.
    past: covariates known up to the last step.
    known: covariates known beyond it.
    static: covariates with one value for the whole series.
    """

    values: Float[np.ndarray, "variates time"]
    variates: tuple[str, ...]
    grid: TimeGrid
    time_zone: str | None = None
    time_column: str = "time"
    id_column: str | None = None
    ids: tuple[Any, ...] = ()
    several_targets: bool = False
    grid_shows_zone: bool = False
    time_type: Any = None
    day_first: bool | None = None
    aggregate: str | None = None
    past: Float[np.ndarray, "past_covariates time"] | None = None
    known: Float[np.ndarray, "known_covariates known_time"] | None = None
    static: Float[np.ndarray, " static_covariates"] | None = None

    @property
    def series_id(self) -> Any:
        """The id of the first variate, or None."""
        return self.ids[0] if self.ids else None

    @property
    def labels(self) -> list[str]:
        """What tells each variate from the variates of all series."""
        if not self.ids:
            return list(self.variates)
        if self.several_targets:
            return [f"{name}, {variate}" for name, variate in zip(self.ids, self.variates, strict=True)]
        return [str(name) for name in self.ids]

    def times(self, first: int = 0, count: int | None = None) -> Moments:
        """Time stamps of `count` steps from step `first` on (None: to the end), as a clock shows them."""
        times = self._grid_times(first, count)
        shown = self.time_zone is None or self.grid_shows_zone
        return times if shown else to_clock(times, str(self.time_zone))

    def times_utc(self, first: int = 0, count: int | None = None) -> Moments:
        """The same moments in UTC; without a time zone as they are."""
        times = self._grid_times(first, count)
        return to_utc(times, str(self.time_zone)) if self.grid_shows_zone else times

    @property
    def as_before(self) -> Stamps:
        """A time stamp as those of the frame, by which to read others that come later."""
        moments = self._grid_times(0, 1)
        return Stamps(moments, moments, self.time_zone, self.time_type, self.day_first)

    def future_times(self, horizon: int) -> Moments:
        """Time stamps of the `horizon` steps after the series, as a clock shows them."""
        return self.times(self.values.shape[1], horizon)

    def masked_timeseries(self, context: int | None = None) -> MaskedTimeseries:
        """The last `context` steps (None: all) as the model takes them; the variates are one group."""
        values = self.values if context is None else self.values[:, -context:]
        return MaskedTimeseries.from_array(values, interval_seconds=self.grid.interval_seconds)

    def until(self, end: int, horizon: int) -> "RegularSeries":
        """The series before step `end`, with known covariates for the `horizon` steps from there."""
        return replace(
            self,
            values=self.values[:, :end],
            past=None if self.past is None else self.past[:, :end],
            known=None if self.known is None else self.known[:, : end + horizon],
        )

    def split(self) -> "list[RegularSeries]":
        """One series per variate, which must not influence each other; each has all covariates."""
        return [
            replace(
                self,
                values=self.values[i : i + 1],
                variates=self.variates[i : i + 1],
                ids=self.ids[i : i + 1],
            )
            for i in range(len(self.variates))
        ]

    def _grid_times(self, first: int, count: int | None) -> Moments:
        count = self.values.shape[1] - first if count is None else count
        return self.grid.at(np.arange(first, first + count))
