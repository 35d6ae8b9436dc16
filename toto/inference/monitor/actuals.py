"""Forecasts that wait for what then happens, and what has happened."""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped

from toto.data.aggregates import aggregated
from toto.data.time_grid import TimeGrid
from toto.errors import InputError
from toto.inference.monitor.reading import Actuals, Columns
from toto.inference.pipeline.forecast import PipelineForecast

RowsOfSteps = Float[np.ndarray, "rows horizon"]


class Scores(NamedTuple):
    """Sums over actual values.

    num_inside: values inside the interval.
    num_scaled: values of series that have a naive error; `total_error` is in units of it.
    """

    num_values: int = 0
    num_inside: int = 0
    num_scaled: int = 0
    total_error: float = 0.0

    def plus(self, other: "Scores") -> "Scores":
        """The sums of both."""
        return Scores(
            self.num_values + other.num_values,
            self.num_inside + other.num_inside,
            self.num_scaled + other.num_scaled,
            self.total_error + other.total_error,
        )


class Placed(NamedTuple):
    """Values at steps of a forecast, at most one of each."""

    rows: Int[np.ndarray, " values"]
    steps: Int[np.ndarray, " values"]
    values: Float[np.ndarray, " values"]


class WaitingForecast:
    """The median and a central interval of a forecast, until all its actual values have come.

    Args:
        forecast: of a pipeline.
        interval: the share of values that the interval should hold.
    """

    def __init__(self, forecast: PipelineForecast, interval: float) -> None:
        low, high = interval_ends(interval)
        self.low, self.median, self.high = (_rows(forecast, level) for level in (low, 0.5, high))
        self.scale = np.concatenate([naive_errors(one.values) for one in forecast.series])
        self.shape = (*forecast.shape, forecast.horizon)
        self.columns = Columns.of(forecast.series)
        self._aggregate = forecast.series[0].aggregate
        self.waiting: Bool[np.ndarray, "rows horizon"] = np.ones(self.median.shape, bool)
        self._row_of = {label: row for row, label in enumerate(forecast.labels)}
        self._grids: list[tuple[Shaped[np.ndarray, " horizon"], Any]] = []  # and how far off a stamp may be
        self._grid_of_row = self._share_grids(forecast)

    @property
    def size(self) -> int:
        """Steps of all rows, whether their actual values have come or not."""
        return self.waiting.size

    @property
    def spread(self) -> float | None:
        """Mean width of the interval in naive errors; None if no series has any."""
        width = (self.high - self.low).mean(-1)[self.scale > 0] / self.scale[self.scale > 0]
        return float(width.mean()) if width.size else None

    def score_all(self, actual: Any) -> Scores:
        """Score values in the shape of the forecast; NaN has not come yet.

        Raises:
            InputError: another shape, or no numbers.
        """
        try:
            given = actual.detach().cpu().double() if isinstance(actual, torch.Tensor) else actual
            values = np.asarray(given, float)
        except (TypeError, ValueError):
            raise InputError(f"actuals must be numbers in the shape {self.shape}, got {actual!r}") from None
        if values.shape != self.shape:
            raise InputError(f"actuals must have the shape of the forecast {self.shape}, got {values.shape}")
        values = values.reshape(self.median.shape)
        rows, steps = np.nonzero(np.isfinite(values))
        return self.score(Placed(rows, steps, values[rows, steps]))

    def place(self, actuals: Actuals, aggregate: str | None) -> tuple[Placed, Int[np.ndarray, " found"]]:
        """What belongs to this forecast, one value for a step, and the places of all that do.

        Args:
            actuals: the values of a frame.
            aggregate: what is made of several of one step; None: what was made of those of the data.

        Raises:
            InputError: several values for one step, and no `aggregate`.
        """
        rows = np.array([self._row_of.get(label, -1) for label in actuals.labels], int)
        steps = np.full(len(rows), -1)
        ours = np.flatnonzero(rows >= 0)
        ours = ours[np.argsort(self._grid_of_row[rows[ours]], kind="stable")]
        places, starts = np.unique(self._grid_of_row[rows[ours]], return_index=True)
        for place, mine in zip(places, np.split(ours, starts[1:]), strict=False):  # of none one is left
            grid, tolerance = self._grids[place]
            steps[mine] = _places(grid, tolerance, actuals.moments[mine])
        found = np.flatnonzero(steps >= 0)
        found = found[
            np.argsort(actuals.moments[found], kind="stable")
        ]  # for the first and the last of a step
        flat = rows[found] * self.median.shape[1] + steps[found]
        aggregate = aggregate or self._aggregate
        if aggregate is None:
            actuals.check_repeated(flat, found)
        return self._combined(flat, actuals.values[found], aggregate), found

    def _combined(
        self, flat: Int[np.ndarray, " found"], values: Float[np.ndarray, " found"], aggregate: str | None
    ) -> Placed:
        """One value for each place [rows * horizon] that has any."""
        order = np.argsort(flat, kind="stable")
        places, starts = np.unique(flat[order], return_index=True)
        values = values[order]
        if len(places) < len(flat):
            values = aggregated(values[None], starts, aggregate or "")[0]
        rows, steps = np.divmod(places, self.median.shape[1])
        return Placed(rows, steps, values)

    def score(self, placed: Placed) -> Scores:
        """Score the values that are still waited for."""
        new = self.waiting[placed.rows, placed.steps] & np.isfinite(placed.values)
        rows, steps, values = (some[new] for some in placed)
        self.waiting[rows, steps] = False
        inside = (values >= self.low[rows, steps]) & (values <= self.high[rows, steps])
        scaled = self.scale[rows] > 0
        errors = np.abs(values - self.median[rows, steps])[scaled] / self.scale[rows][scaled]
        return Scores(len(values), int(inside.sum()), int(scaled.sum()), float(errors.sum()))

    def _share_grids(self, forecast: PipelineForecast) -> Int[np.ndarray, " rows"]:
        """Keep each time grid once, and tell the one of each row."""
        place_of: dict[bytes, int] = {}
        places = []
        for one in forecast.series:
            grid = one.times_utc(one.values.shape[1], forecast.horizon)
            place = place_of.setdefault(grid.tobytes(), len(self._grids))
            if place == len(self._grids):
                self._grids.append((grid, _quarter(one.grid)))
            places += [place] * len(one.variates)
        return np.array(places, int)


def naive_errors(values: Float[np.ndarray, "variates time"]) -> Float[np.ndarray, " variates"]:
    """Mean absolute change from one step to the next where both are known, in units; 0 where none is."""
    steps = np.abs(np.diff(values, axis=1))
    known = np.isfinite(steps)
    return np.where(known, steps, 0).sum(1) / np.maximum(known.sum(1), 1)


def interval_ends(interval: float) -> tuple[float, float]:
    """The levels between which the central interval lies."""
    return round(0.5 - interval / 2, 10), round(0.5 + interval / 2, 10)


def _rows(forecast: PipelineForecast, level: float) -> RowsOfSteps:
    return forecast.quantile(level).reshape(-1, forecast.horizon).double().numpy()


def _places(
    grid: Shaped[np.ndarray, " horizon"], tolerance: Any, moments: Shaped[np.ndarray, " some"]
) -> Int[np.ndarray, " some"]:
    """The step of each moment, -1 for one that is farther than the tolerance from every step."""
    if (grid.dtype.kind == "M") != (moments.dtype.kind == "M"):
        return np.full(len(moments), -1)
    after = np.minimum(np.searchsorted(grid, moments), len(grid) - 1)
    before = np.maximum(after - 1, 0)
    steps = np.where(np.abs(grid[before] - moments) < np.abs(grid[after] - moments), before, after)
    return np.where(np.abs(grid[steps] - moments) <= tolerance, steps, -1)


def _quarter(grid: TimeGrid) -> Any:
    """A quarter of a step, by which a stamp may be off."""
    quarter = grid.interval_seconds / 4
    return np.timedelta64(round(quarter * 1e6), "us") if grid.counts_time else quarter
