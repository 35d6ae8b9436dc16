"""What a pipeline is given, as regular series."""

import hashlib
from typing import Any, NamedTuple

from toto.data.array_covariates import with_array_covariates
from toto.data.array_series import note_transposed, series_from_arrays
from toto.data.forecast_frame import FrameKind
from toto.data.frame import is_long, series_from_table
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, is_table


class Inputs(NamedTuple):
    """Series that do not influence each other, and what the results of all are to look like.

    series: variates of one series see each other.
    numbers: of each series, what its random numbers depend on: its name, or its place where it has none.
    shape: of the results, before the axis of the horizon.
    kind: of a frame of results.
    """

    series: list[RegularSeries]
    numbers: list[int]
    shape: tuple[int, ...]
    kind: FrameKind


def read_inputs(data: Any, layout: Layout, future: Any, horizon: int, past: Any = None) -> Inputs:
    """The series in a data frame, a `Table`, an array or a list of arrays.

    Args:
        data: a frame or a `Table`; an array [time], [variates, time] or [batch, variates, time]; or a list
            of numbers, or of arrays [time] or [variates, time] of any lengths.
        layout: what the columns of a frame are; `together` is for arrays too.
        future: known values of covariates: after a frame, a frame; of arrays, arrays from the first step on.
        horizon: steps that `future` must cover.
        past: past covariates of arrays; those of a frame are in `layout`.

    Raises:
        InputError: nothing of these, or contents that break a rule; the message names the place.
    """
    if is_table(data):
        return _from_frame(Table.of(data), layout, future, horizon)
    return _from_arrays(data, layout, past, future, horizon)


def _from_frame(table: Table, layout: Layout, future: Any, horizon: int) -> Inputs:
    known = None if future is None else Table.of(future, "future")
    series = series_from_table(table, layout, known, horizon)
    if not (layout.group or layout.together):
        series = [part for one in series for part in one.split()]
    id_column = (layout.id_column or "unique_id") if is_long(table, layout.id_column) else None
    numbers = [number_of("; ".join(one.labels)) for one in series]
    num_rows = sum(len(one.variates) for one in series)
    return Inputs(series, numbers, (num_rows,), FrameKind.of(table, id_column))


def _from_arrays(data: Any, layout: Layout, past: Any, future: Any, horizon: int) -> Inputs:
    given = series_from_arrays(data, layout)
    if horizon:  # what arrives in a stream may be a single step
        note_transposed(given.series)
    series = with_array_covariates(given, past, future, horizon)
    if not layout.together:
        series = [part for one in series for part in one.split()]
    return Inputs(series, list(range(len(series))), given.shape, FrameKind())


def number_of(name: str) -> int:
    """A number below 2^32 from a name, so that a series draws the same paths whichever others there are."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
