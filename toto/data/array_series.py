"""Arrays and lists of arrays to regular series, whose steps are numbered from 0."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.data.layout import Layout
from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.errors import InputError

log = logging.getLogger(__name__)

_NOT_GIVEN = Layout()


class ArraySeries(NamedTuple):
    """The series in arrays.

    shape: the axes of the data before time; of a list all variates in one axis.
    several: whether the data hold several series, a batch or a list; else they are one.
    """

    series: list[RegularSeries]
    shape: tuple[int, ...]
    several: bool


def series_from_arrays(data: Any, layout: Layout = _NOT_GIVEN) -> ArraySeries:
    """The series in an array [time], [variates, time] or [batch, variates, time], or in a list of arrays.

    Args:
        data: these.
        layout: of it `together` alone is for arrays, whoever reads it.

    Raises:
        InputError: nothing of these, no numbers, or a layout of columns.
    """
    if replace(layout, together=False) != _NOT_GIVEN:
        raise InputError(
            "names of columns, group, aggregate and day_first need a data frame, got "
            f"{type(data).__name__}: covariates of arrays are arrays too (past_covariates, future)"
        )
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
        listed = [_series(entry, f"series {place}") for place, entry in enumerate(data)]
        return ArraySeries(listed, (sum(len(one.variates) for one in listed),), True)
    values = _tensor("data", data)
    if values.ndim == 3:
        batch = [_series(entry, f"series {place}") for place, entry in enumerate(values)]
        return ArraySeries(batch, tuple(values.shape[:2]), True)
    return ArraySeries([_series(values, "")], tuple(values.shape[:-1]) if np.ndim(data) > 1 else (), False)


def note_transposed(series: Sequence[RegularSeries]) -> None:
    """Warn, in the log, of arrays with more variates than steps: time is the last axis."""
    for one in series:
        num_variates, num_steps = one.values.shape
        if num_variates > num_steps:
            log.warning(
                "data: %d variates of %d steps; if time comes first, pass data.T", num_variates, num_steps
            )
            return


def finite_rows(name: str, values: Any) -> Float[np.ndarray, "rows time"]:
    """An array [time] or [rows, time] in the dtype of a forecast, NaN where a value is missing or infinite.

    Args:
        name: of the array in messages.

    Raises:
        InputError: another shape, or no numbers.
    """
    rows = _tensor(name, values)
    if rows.ndim != 2:
        raise InputError(f"{name}: must be [time] or [variates, time], got shape {tuple(rows.shape)}")
    array = (rows.detach().cpu().float() if rows.itemsize < 4 else rows.detach().cpu()).numpy()
    return np.where(np.isfinite(array), array, np.nan)


def _series(values: Any, name: str) -> RegularSeries:
    """A series; it has no name if it is all of the data.

    Raises:
        InputError: none.
    """
    if name and hasattr(values, "columns"):
        raise InputError(
            f"data, {name}: is a data frame; put the frames below each other with a column that tells them "
            "apart, such as unique_id (pandas.concat), or give arrays [variates, time]"
        )
    rows = finite_rows(f"data, {name}" if name else "data", values)
    variates = [f"variate {place}" for place in range(len(rows))]
    if name:
        variates = [name] if len(variates) == 1 else [f"{name}, {variate}" for variate in variates]
    return RegularSeries(rows, tuple(variates), EvenGrid(0, 1), time_column="step")


def _tensor(name: str, values: Any) -> Shaped[Tensor, "*batch variates time"]:
    try:
        return MaskedTimeseries.from_array(values).series
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
