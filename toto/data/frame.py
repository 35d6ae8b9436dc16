"""Data frames to regular series, and forecasts back to data frames.

The home of pandas is the room `data` as a whole: `table` reads cells, `csv` files, and this file frames.

A frame is *wide* (a time column and one column per variate: one series of several variates) or
*long* (a series id, a time and one or several targets in every row: many series, each with its
own time grid). Either becomes `RegularSeries`: values on a regular grid, NaN where the grid has
no row or the row has no value.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.table import Table, find_time_column, import_pandas, read_stamps, read_values
from toto.data.time_grid import TimeGrid, fit_grid, most_common_interval
from toto.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

MAX_STEPS = 10_000_000


@dataclass(frozen=True)
class RegularSeries:
    """Variates that share one regular time grid, under the names they had in the frame.

    Values are in the units of the frame; NaN is missing. The first step is step 0 of `grid`.
    `id_column` and `series_id` are None for the one series of a wide frame; `several_targets`
    tells that an id alone does not name a variate.
    """

    values: Float[np.ndarray, "variates time"]
    variates: tuple[str, ...]
    grid: TimeGrid
    time_zone: Any = None
    time_column: str = "time"
    id_column: str | None = None
    series_id: Any = None
    several_targets: bool = False

    @property
    def labels(self) -> list[str]:
        """What tells each variate from the variates of all series."""
        if self.id_column is None:
            return list(self.variates)
        if self.several_targets:
            return [f"{self.series_id}, {variate}" for variate in self.variates]
        return [str(self.series_id)]

    def times(self, first: int = 0, count: int | None = None) -> "pd.Index":
        """Time stamps of `count` steps from step `first` on (None: to the last step of the series)."""
        pd = import_pandas()
        count = self.values.shape[1] - first if count is None else count
        times = pd.Index(self.grid.at(np.arange(first, first + count)))
        if self.time_zone is None:
            return times
        if _on_the_clock(self.grid.interval_seconds):
            return times.tz_localize(
                self.time_zone, ambiguous=np.ones(count, bool), nonexistent="shift_forward"
            )
        return times.tz_localize("UTC").tz_convert(self.time_zone)

    def future_times(self, horizon: int) -> "pd.Index":
        """Time stamps of the `horizon` steps after the series."""
        return self.times(self.values.shape[1], horizon)

    def masked_timeseries(self, context: int | None = None) -> MaskedTimeseries:
        """The last `context` steps (None: all) as the model takes them; the variates are one group."""
        values = self.values if context is None else self.values[:, -context:]
        return MaskedTimeseries.from_array(values, interval_seconds=self.grid.interval_seconds)

    def split(self) -> "list[RegularSeries]":
        """One series per variate, for variates that must not influence each other."""
        return [
            replace(self, values=self.values[i : i + 1], variates=self.variates[i : i + 1])
            for i in range(len(self.variates))
        ]


def is_long(table: Table, id_column: str | None = None) -> bool:
    """Whether many series stand below each other: an id column is named, or there is a `unique_id`."""
    return id_column is not None or "unique_id" in table.frame.columns


def series_from_wide(
    table: Table, time_column: str | None = None, columns: Sequence[str] | None = None, *, sort: bool = False
) -> RegularSeries:
    """The one series of a wide frame: a time column and one number column per variate.

    The time column, unless named, is found by its name, or by its content if its first value is a
    date; where there is none the steps are numbered from 1, and a warning is logged. `columns`
    are the variates (None: every other column). With `sort` the rows may come in any order.

    Raises:
        InputError: no rows or columns; text among numbers; time stamps that cannot be read, are
            in no order, repeated, or on no regular grid. The message names the place.
    """
    _check_rows(table)
    time_column = find_time_column(table, time_column)
    columns = _value_columns(table, columns, beside=[] if time_column is None else [time_column])
    if time_column is None:
        stamps = import_pandas().RangeIndex(1, len(table.frame) + 1)
    else:
        stamps = read_stamps(table, time_column)
    rows = _Rows(table, time_column or "time", stamps, read_values(table, columns))
    if time_column is None:
        log.warning("%s has no time column: its steps are numbered from 1", table.name)
    values, grid = rows.on_grid(np.arange(len(stamps)), sort)
    return RegularSeries(values, tuple(columns), grid, rows.time_zone)


def series_from_long(
    table: Table,
    id_column: str | None = None,
    time_column: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    sort: bool = False,
) -> list[RegularSeries]:
    """The series of a long frame, in the order in which their ids first appear.

    Unless named, the id column is `unique_id`, the target `y`, and the time column is found as in
    a wide frame. Several `columns` make every series multivariate. Series may differ in length
    and grid. `sort` and the errors are those of `series_from_wide`.
    """
    _check_rows(table)
    id_column = id_column or "unique_id"
    table.check_column(id_column)
    time_column = find_time_column(table, time_column)
    if time_column is None:
        raise InputError(
            f"{table.name}: a long table needs a time column: name it with time_column (--time-column); "
            f"there are {table.columns()}"
        )
    if columns is None and "y" not in table.frame.columns:
        raise InputError(
            f"{table.name}: a long table needs a target column y: name another one with columns (--columns); "
            f"there are {table.columns()}"
        )
    columns = _value_columns(table, columns or ["y"], beside=[id_column, time_column])
    rows = _Rows(table, time_column, read_stamps(table, time_column), read_values(table, columns))
    series = []
    for series_id, of_series in _rows_by_id(table, id_column).items():
        values, grid = rows.on_grid(of_series, sort, f" of series {series_id}")
        series.append(
            RegularSeries(
                values,
                tuple(columns),
                grid,
                rows.time_zone,
                time_column,
                id_column,
                series_id,
                several_targets=len(columns) > 1,
            )
        )
    return series


def forecast_frame(
    series: RegularSeries,
    mean: Float[np.ndarray, "variates horizon"],
    quantiles: Float[np.ndarray, "levels variates horizon"],
    levels: Sequence[float],
) -> "pd.DataFrame":
    """A forecast as a tidy frame: one row per variate and future step.

    Columns are `time`, `variate`, one per level (`0.1`, `0.5`, ...; ten digits at most) and `mean`. A
    series of a long frame has its own id and time columns instead, and `target` only if there are several.
    """
    pd = import_pandas()
    variates, horizon = mean.shape
    times = series.future_times(horizon)
    times = times.append([times] * (variates - 1))
    names = np.repeat(np.array(series.variates, dtype=object), horizon)
    if series.id_column is None:
        columns = {series.time_column: times, "variate": names}
    else:
        columns = {series.id_column: [series.series_id] * len(times), series.time_column: times}
        if series.several_targets:
            columns["target"] = names
    numbers = {f"{level:.10g}": values.reshape(-1) for level, values in zip(levels, quantiles, strict=True)}
    numbers["mean"] = mean.reshape(-1)
    taken = [name for name in columns if name in numbers]
    if taken:
        raise InputError(f"the column {taken[0]!r} has the name of a column of the forecast: rename it")
    return pd.DataFrame(columns | numbers)


@dataclass(frozen=True)
class _Rows:
    """The cells of a table as numbers, before its rows are put on the grid of their series."""

    table: Table
    time_column: str
    stamps: Any
    values: Float[np.ndarray, "variates rows"]

    @property
    def time_zone(self) -> Any:
        return getattr(self.stamps, "tz", None)

    def on_grid(
        self, rows: Int[np.ndarray, " rows_of_series"], sort: bool, of_series: str = ""
    ) -> tuple[Float[np.ndarray, "variates time"], TimeGrid]:
        """The values of these rows on their grid; steps of the grid without a row are NaN."""
        stamps = self.stamps[rows]
        if sort:
            order = np.argsort(stamps, kind="stable")
            rows, stamps = rows[order], stamps[order]
        self._check_order(stamps, rows, of_series)
        self._check_precision(stamps, rows, of_series)
        stamps = _clock_times(stamps)
        grid = fit_grid(stamps)
        steps = grid.steps_of(stamps)
        if (steps < 0).any():
            off = rows[np.argmax(steps < 0)]
            raise InputError(
                f"{self._at(off)}{of_series} is not on the grid: most rows are {grid.spacing} apart and the "
                f"first is {self._text(rows[0])}; bring them to a regular interval first (pandas: resample)"
            )
        self._check_length(steps, rows, grid)
        values = np.full((len(self.values), steps[-1] + 1), np.nan)
        values[:, steps] = self.values[:, rows]
        return values, grid

    def _check_order(self, stamps: Any, rows: Int[np.ndarray, " rows_of_series"], of_series: str) -> None:
        backwards = np.flatnonzero(stamps[1:] < stamps[:-1]) + 1
        if len(backwards):
            row, before = rows[backwards[0]], rows[backwards[0] - 1]
            raise InputError(
                f"{self._at(row)}{of_series} stands after {self._text(before)}; time stamps must ascend: "
                "sort the rows, or have them sorted with sort=True (--sort)"
            )
        repeated = np.flatnonzero(stamps[1:] == stamps[:-1]) + 1
        if len(repeated):
            raise InputError(
                f"{self._at(rows[repeated[0]])}{of_series} is there a second time ({len(repeated)} repeated "
                "in all); keep one row per time stamp, or name the column that tells series apart with "
                "id_column (--id-column)"
            )
        if len(rows) == 1 and stamps.dtype.kind == "M":
            raise InputError(
                f"{self._at(rows[0])}{of_series} is the only row; 2 are needed to know the interval"
            )

    def _check_precision(self, stamps: Any, rows: Int[np.ndarray, " rows_of_series"], of_series: str) -> None:
        """`InputError` where stamps that differ are equal in microseconds, as `_clock_times` makes them."""
        if stamps.dtype.kind != "M":
            return
        too_close = np.flatnonzero(np.diff(stamps.as_unit("us").asi8) == 0) + 1
        if len(too_close):
            raise InputError(
                f"{self._at(rows[too_close[0]])}{of_series} is in the same microsecond as the row before it; "
                "dates are read to 1 us: give finer times as numbers in a unit of their own"
            )

    def _check_length(
        self,
        steps: Int[np.ndarray, " rows_of_series"],
        rows: Int[np.ndarray, " rows_of_series"],
        grid: TimeGrid,
    ) -> None:
        if steps[-1] >= MAX_STEPS:
            gaps = np.diff(steps)
            raise InputError(
                f"{self._at(rows[gaps.argmax() + 1])} comes {gaps.max()} steps of {grid.spacing} after the "
                f"row before it; a series has at most {MAX_STEPS} steps: check the time stamp"
            )

    def _at(self, row: Any) -> str:
        return f"{self.table.place(int(row), self.time_column)}: {self._text(row)}"

    def _text(self, row: Any) -> str:
        return str(self.table.frame[self.time_column].iloc[row])


def _on_the_clock(interval_seconds: float) -> bool:
    """Whether steps are counted on the clock of the time zone: days and longer, but not hours."""
    return bool(interval_seconds >= 86_400)


def _clock_times(stamps: Any) -> Any:
    """An index as numpy numbers or datetimes; of time zones, local time where days are counted, else UTC."""
    if stamps.dtype.kind != "M":
        return stamps.to_numpy()
    local = stamps.tz_localize(None).to_numpy().astype("M8[us]")
    if stamps.tz is None or _on_the_clock(most_common_interval(local) / np.timedelta64(1, "s")):
        return local
    return stamps.tz_convert(None).to_numpy().astype("M8[us]")


def _check_rows(table: Table) -> None:
    if len(table.frame) == 0:
        raise InputError(f"{table.name}: no rows; at least one row of values is needed")


def _value_columns(table: Table, columns: Sequence[str] | None, beside: Sequence[str]) -> list[str]:
    if columns is None:
        columns = [column for column in table.frame.columns if column not in beside]
    if not columns:
        raise InputError(f"{table.name}: no column of values beside {', '.join(beside)}")
    for i, column in enumerate(columns):
        table.check_column(column)
        if column in beside or column in columns[:i]:
            raise InputError(f"columns: {column!r} is used twice; the time and id columns hold no values")
    return list(columns)


def _rows_by_id(table: Table, id_column: str) -> dict[Any, Int[np.ndarray, " rows_of_series"]]:
    ids = table.frame[id_column]
    empty = ids.isna() | (ids.astype(str).str.strip() == "")
    if empty.any():
        raise InputError(f"{table.place(int(np.argmax(empty)), id_column)}: no series id")
    return ids.groupby(ids, sort=False).indices
