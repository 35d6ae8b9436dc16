"""Forecasts as data frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from jaxtyping import Float

from toto.data.regular_series import RegularSeries
from toto.data.table import Table
from toto.data.time_zones import to_utc
from toto.errors import InputError, MissingExtraError


class FrameKind(NamedTuple):
    """What a frame of forecasts is made of: pandas, polars or pyarrow, and the type of its id column."""

    backend: Any = "pandas"
    id_type: Any = None

    @classmethod
    def of(cls, table: Table, id_column: str | None) -> "FrameKind":
        """That of a table."""
        cells = table.cells
        return cls(cells.implementation, None if id_column is None else cells.schema[id_column])


def forecast_frame(
    series: Sequence[RegularSeries],
    numbers: Mapping[str, Float[np.ndarray, "variates horizon"]],
    kind: FrameKind,
) -> Any:
    """Forecasts of all variates of all series as a tidy frame: one row per variate and future step.

    Args:
        series: all in the same columns.
        numbers: columns and their values, series by series.
        kind: of the frame.

    Returns:
        A frame with the columns `time`, `variate` and those of `numbers`. Series of a long frame have their
        own id and time columns instead, and `target` only if there are several.

    Raises:
        InputError: the id or time column has the name of another column of the frame.
        MissingExtraError: the package of that kind is not installed.
    """
    horizon = next(iter(numbers.values())).shape[1]
    _check_names(series[0], numbers)
    try:
        first, *others = _keys(series, horizon, kind)
        others += [
            nw.new_series(name, values.reshape(-1), backend=kind.backend) for name, values in numbers.items()
        ]
        # narwhals' from_dict makes naive times of those with a time zone
        return first.to_frame().with_columns(*others).to_native()
    except ImportError:
        raise MissingExtraError(str(kind.backend), "pandas", "a data frame") from None


def _check_names(first: RegularSeries, numbers: Iterable[str]) -> None:
    """`InputError` if the frame would have two columns of one name."""
    others = {*numbers}
    others |= {"variate"} if first.id_column is None else {"target"} if first.several_targets else set()
    for name in (first.id_column, first.time_column):
        if name in others:
            raise InputError(f"the column {name!r} has the name of a column of the forecast: rename it")


def _keys(series: Sequence[RegularSeries], horizon: int, kind: FrameKind) -> "Iterator[nw.Series[Any]]":
    """The columns that tell rows apart."""
    first = series[0]

    def repeated(name: str, values: Sequence[Any]) -> "nw.Series[Any]":
        rows = [value for value in values for _ in range(horizon)]
        return nw.new_series(name, rows, backend=kind.backend)

    if first.id_column is None:
        yield _times(series, horizon, kind.backend)
        yield repeated("variate", [label for one in series for label in one.labels])
        return
    ids = repeated(first.id_column, [name for one in series for name in one.ids])
    yield ids if kind.id_type in (None, ids.dtype) else ids.cast(kind.id_type)
    yield _times(series, horizon, kind.backend)
    if first.several_targets:
        yield repeated("target", [variate for one in series for variate in one.variates])


def _times(series: Sequence[RegularSeries], horizon: int, backend: Any) -> "nw.Series[Any]":
    """The stamps of the future steps, in the type and the time zone of the frame."""
    first = series[0]
    steps = np.arange(horizon)
    times = np.concatenate([one.grid.at(one.values.shape[1] + steps) for one in series for _ in one.variates])
    if first.time_zone is not None:
        shown = np.repeat([one.grid_shows_zone for one in series for _ in one.variates], horizon)
        times[shown] = to_utc(times[shown], first.time_zone)
    column = nw.new_series(first.time_column, times, backend=backend)
    if first.time_zone is not None:
        column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(first.time_zone)
    if isinstance(first.time_type, nw.Date) and (times != times.astype("M8[D]")).any():
        return column
    return column.cast(first.time_type) if isinstance(first.time_type, (nw.Datetime, nw.Date)) else column
