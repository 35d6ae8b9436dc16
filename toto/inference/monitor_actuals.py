"""Forecasts that wait for what then happens, and what has happened."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped

from toto.data.regular_series import RegularSeries
from toto.data.stamps import read_stamps
from toto.data.table import Table, find_time_column, read_values
from toto.data.time_grid import TimeGrid
from toto.errors import InputError
from toto.inference.pipeline_forecast import PipelineForecast

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


class Actuals(NamedTuple):
    """Values with the name of their series and their moment (UTC, or a number)."""

    labels: list[str]
    moments: Shaped[np.ndarray, " values"]
    values: Float[np.ndarray, " values"]


class Columns(NamedTuple):
    """Under which names the data of a forecast came; `id_column` is None for data that were not long."""

    time: str
    id_column: str | None
    targets: tuple[str, ...]
    several_targets: bool

    @classmethod
    def of(cls, series: Sequence[RegularSeries]) -> "Columns":
        """Those of the data of these series."""
        first = series[0]
        targets = dict.fromkeys(variate for one in series for variate in one.variates)
        id_column = first.id_column if first.ids else None
        return cls(first.time_column, id_column, tuple(targets), first.several_targets)


class WaitingForecast:
    """The median and a central interval of a forecast, until all its actual values have come.

    Args:
        forecast: of a pipeline.
        interval: the share of values that the interval should hold.
    """

    def __init__(self, forecast: PipelineForecast, interval: float) -> None:
        levels = (0.5 - interval / 2, 0.5, 0.5 + interval / 2)
        self.low, self.median, self.high = (_rows(forecast, level) for level in levels)
        self.scale = np.concatenate([naive_errors(one.values) for one in forecast.series])
        self.shape = (*forecast.shape, forecast.horizon)
        self.columns = Columns.of(forecast.series)
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
            InputError: another shape.
        """
        values = actual.detach().cpu().numpy() if isinstance(actual, torch.Tensor) else np.asarray(actual)
        if values.shape != self.shape:
            raise InputError(f"actuals must have the shape of the forecast {self.shape}, got {values.shape}")
        values = values.reshape(self.median.shape).astype(float)
        rows, steps = np.nonzero(np.isfinite(values))
        return self._score(rows, steps, values[rows, steps])

    def score(self, actuals: Actuals) -> tuple[Scores, Bool[np.ndarray, " values"]]:
        """Score what belongs to this forecast, and tell which that is."""
        rows = np.array([self._row_of.get(label, -1) for label in actuals.labels], int)
        steps = np.full(len(rows), -1)
        ours = np.flatnonzero(rows >= 0)
        ours = ours[np.argsort(self._grid_of_row[rows[ours]], kind="stable")]
        places, starts = np.unique(self._grid_of_row[rows[ours]], return_index=True)
        for place, mine in zip(places, np.split(ours, starts[1:]), strict=False):  # of none one is left
            grid, tolerance = self._grids[place]
            steps[mine] = _places(grid, tolerance, actuals.moments[mine])
        found = steps >= 0
        return self._score(rows[found], steps[found], actuals.values[found]), found

    def _score(
        self,
        rows: Int[np.ndarray, " values"],
        steps: Int[np.ndarray, " values"],
        values: Float[np.ndarray, " values"],
    ) -> Scores:
        """Score the values at these places that are still waited for."""
        _, first = np.unique(rows * self.median.shape[1] + steps, return_index=True)
        new = first[self.waiting[rows[first], steps[first]] & np.isfinite(values[first])]
        rows, steps, values = rows[new], steps[new], values[new]
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


def read_actuals(frame: Any, forecast: WaitingForecast) -> Actuals:
    """The values in a frame with the columns of the data that a forecast was made of; others do not matter.

    Raises:
        InputError: no such columns, or time stamps that cannot be read.
    """
    table, columns = Table(frame, "actuals"), forecast.columns
    present = table.cells.columns
    time_column = find_time_column(table, columns.time if columns.time in present else None)
    if time_column is None:
        raise InputError("actuals need a time column, or the ticket of their forecast")
    targets = [name for name in columns.targets if name in present]
    if not targets:
        raise InputError(
            f"actuals need columns of the forecast, {', '.join(columns.targets)}; there are {table.columns()}"
        )
    moments = read_stamps(table, time_column).utc
    labels = _labels(table, columns, targets)
    return Actuals(labels, np.tile(moments, len(targets)), read_values(table, targets).reshape(-1))


def _labels(table: Table, columns: Columns, targets: Sequence[str]) -> list[str]:
    """The row of a forecast that each value belongs to, target after target."""
    if columns.id_column is None:
        return [target for target in targets for _ in range(len(table.cells))]
    table.check_column(columns.id_column)
    ids = table.cells[columns.id_column].to_list()
    return [
        f"{name}, {target}" if columns.several_targets else str(name) for target in targets for name in ids
    ]


def _rows(forecast: PipelineForecast, level: float) -> RowsOfSteps:
    return forecast.quantile(round(level, 10)).reshape(-1, forecast.horizon).double().numpy()


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
