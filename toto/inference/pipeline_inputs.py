"""What a pipeline is given, as regular series."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from toto.data.forecast_frame import FrameKind
from toto.data.frame import is_long, series_from_table
from toto.data.layout import Layout
from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, is_frame
from toto.data.time_grid import EvenGrid
from toto.errors import InputError


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


def read_inputs(data: Any, layout: Layout, future: Any, horizon: int) -> Inputs:
    """The series in a data frame, a `Table`, an array or a list of arrays.

    Args:
        data: a frame or a `Table`; an array [time], [variates, time] or [batch, variates, time]; or a list
            of numbers, or of arrays [time] or [variates, time] of any lengths.
        layout: what the columns of a frame are; `together` is for arrays too.
        future: known values of covariates after a frame.
        horizon: steps that `future` must cover.

    Raises:
        InputError: nothing of these, or contents that break a rule; the message names the place.
    """
    if isinstance(data, Table) or is_frame(data):
        return _from_frame(data if isinstance(data, Table) else Table(data), layout, future, horizon)
    if future is not None or replace(layout, together=False) != Layout():
        raise InputError(
            "future and the names of columns need a data frame, got "
            f"{type(data).__name__}: for arrays use TotoForecaster, which takes covariates as arrays"
        )
    return _from_arrays(data, layout.together)


def _from_frame(table: Table, layout: Layout, future: Any, horizon: int) -> Inputs:
    known = future if future is None or isinstance(future, Table) else Table(future, "future")
    series = series_from_table(table, layout, known, horizon)
    if not (layout.group or layout.together):
        series = [part for one in series for part in one.split()]
    id_column = (layout.id_column or "unique_id") if is_long(table, layout.id_column) else None
    numbers = [number_of("; ".join(one.labels)) for one in series]
    num_rows = sum(len(one.variates) for one in series)
    return Inputs(series, numbers, (num_rows,), FrameKind.of(table, id_column))


def _from_arrays(data: Any, together: bool) -> Inputs:
    if isinstance(data, MaskedTimeseries):
        raise InputError(
            "data must be an array, a list or a data frame, got a MaskedTimeseries: use TotoForecaster"
        )
    if data is None or isinstance(data, (str, bytes, PathLike, Mapping)):
        raise InputError(
            f"data must be a data frame, an array or a list of series, got {str(data)!r:.60}: read a file "
            "with pandas.read_csv, make a frame of named columns with pandas.DataFrame"
        )
    if isinstance(data, Sequence) and len(data) and np.ndim(data[0]) > 0:
        series = [_from_array(entry, f"series {place}") for place, entry in enumerate(data)]
        shape: tuple[int, ...] = (sum(len(one.variates) for one in series),)
    else:
        values = _values(data, "")
        shape = tuple(values.shape[:-1]) if np.ndim(data) > 1 else ()
        names = [f"series {place}" for place in range(len(values))] if values.ndim == 3 else [""]
        entries = values if values.ndim == 3 else [values]
        series = [_from_array(entry, name) for entry, name in zip(entries, names, strict=True)]
    if not together:
        series = [part for one in series for part in one.split()]
    return Inputs(series, list(range(len(series))), shape, FrameKind())


def _from_array(values: Any, name: str) -> RegularSeries:
    """A series whose steps are numbered from 0, in the dtype in which a forecast would take it."""
    series = _values(values, name)
    if series.ndim != 2:
        raise InputError(f"data, {name}: must be [time] or [variates, time], got shape {tuple(series.shape)}")
    array = series.detach().cpu().float() if series.itemsize < 4 else series.detach().cpu()
    finite = np.where(np.isfinite(array.numpy()), array.numpy(), np.nan)
    variates = [f"variate {place}" for place in range(len(finite))]
    if name:
        variates = [name] if len(variates) == 1 else [f"{name}, {variate}" for variate in variates]
    return RegularSeries(finite, tuple(variates), EvenGrid(0, 1), time_column="step")


def _values(values: Any, name: str) -> Shaped[Tensor, "*batch variates time"]:
    """An array as a tensor; errors name the series, which has no name if it is all of the data."""
    try:
        return MaskedTimeseries.from_array(values).series
    except InputError as error:
        raise InputError(f"data, {name}: {error}" if name else f"data: {error}") from error


def number_of(name: str) -> int:
    """A number below 2^32 from a name, so that a series draws the same paths whichever others there are."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
