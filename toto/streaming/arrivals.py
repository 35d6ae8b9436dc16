"""New rows of a frame, or new steps in arrays, as what each stream of several takes."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.stamps import Stamps, read_stamps
from toto.data.table import Table, find_time_column, is_table, read_values, rows_by_value
from toto.errors import InputError
from toto.inference.pipeline.inputs import read_inputs

Series = Mapping[Any, RegularSeries]  # by the key of their stream
Rows = Int[np.ndarray, " _"]


class Arrivals(NamedTuple):
    """By the key of each stream that goes on: its next values, and their times where it has a clock."""

    values: dict[Hashable, Float[np.ndarray, "variates _steps"]]
    times: dict[Hashable, Shaped[np.ndarray, " _steps"] | None]


def has_times(history: Any, layout: Layout) -> bool:
    """Whether steps arrive with their times: in frames, but not in arrays.

    Raises:
        InputError: a frame without them.
    """
    if not is_table(history):
        return False
    table = Table.of(history)
    if find_time_column(table, layout.time_column) is None:
        raise InputError(
            f"{table.name}: a stream of frames needs a column of times; there are {table.columns()}: give "
            "the values as an array if there are none"
        )
    return True


def arrivals_in(data: Any, series: Series, layout: Layout, with_times: bool) -> Arrivals:
    """What arrived for each of the series.

    Raises:
        InputError: data of another kind than the history was, or contents that do not fit it.
    """
    if with_times != is_table(data):
        expected = "a data frame with a column of times" if with_times else "an array or a list of arrays"
        raise InputError(f"data must be {expected}, as the history was, got {type(data).__name__}")
    if with_times:
        return _in_frame(Table.of(data), series, layout)
    arrived = read_inputs(data, Layout(together=layout.together), None, 0).series
    if len(arrived) != len(series):
        raise InputError(f"data must hold steps of {len(series)} series, as the history, got {len(arrived)}")
    values = {key: one.values for key, one in zip(series, arrived, strict=True)}
    return Arrivals(values, dict.fromkeys(values))


def _in_frame(table: Table, series: Series, layout: Layout) -> Arrivals:
    first = next(iter(series.values()))
    columns = list(dict.fromkeys(name for one in series.values() for name in one.variates))
    for column in (first.id_column, first.time_column, *columns):
        if column is not None:
            table.check_column(column)
    stamps = read_stamps(table, first.time_column, layout.day_first, first.as_before)
    if stamps.time_zone != first.time_zone:
        raise InputError(
            f"{table.name}: the times must be in the time zone of the history, {first.time_zone}, "
            f"got {stamps.time_zone}: convert them"
        )
    numbers = dict(zip(columns, read_values(table, columns), strict=True))
    rows = _rows_by_id(table, series, first.id_column)
    arrived = Arrivals({}, {})
    for key, one in series.items():
        ids = one.ids or (None,) * len(one.variates)
        if not any(name in rows for name in ids):
            continue
        moments = _moments(stamps, one)
        of_ids = {name: _in_order(table, moments, rows[name], one) for name in ids if name in rows}
        times = np.unique(np.concatenate([moments[some] for some in of_ids.values()]))
        values = np.full((len(ids), len(times)), np.nan)
        for row, (name, column) in enumerate(zip(ids, one.variates, strict=True)):
            if name in of_ids:
                places = np.searchsorted(times, moments[of_ids[name]])
                values[row, places] = numbers[column][of_ids[name]]
        arrived.values[key], arrived.times[key] = values, times
    return arrived


def _rows_by_id(table: Table, series: Series, id_column: str | None) -> dict[Any, Rows]:
    if id_column is None:
        return {None: np.arange(len(table.cells))}
    known = {name for one in series.values() for name in one.ids}
    if not len(table.cells):  # nothing new, of all series
        return dict.fromkeys(known, np.arange(0))
    rows = rows_by_value(table, id_column)
    unknown = [name for name in rows if name not in known]
    if unknown:
        raise InputError(
            f"{table.name}: the stream has no series {unknown[0]!r} ({len(unknown)} such): begin a stream "
            "with its history, or leave its rows out"
        )
    return rows


def _moments(stamps: Stamps, series: RegularSeries) -> Shaped[np.ndarray, " rows"]:
    """The stamps as the grid of a series has them."""
    return stamps.clock if series.grid_shows_zone else stamps.utc


def _in_order(table: Table, moments: Shaped[np.ndarray, " rows"], rows: Rows, series: RegularSeries) -> Rows:
    """Rows of one series by time."""
    ordered = rows[np.argsort(moments[rows], kind="stable")]
    repeated = np.flatnonzero(moments[ordered][1:] == moments[ordered][:-1])
    if len(repeated):
        row = int(ordered[repeated[0] + 1])
        raise InputError(
            f"{table.place(row, series.time_column)}: {table.text(row, series.time_column)} is there a "
            "second time: keep one row of each time"
        )
    return ordered
