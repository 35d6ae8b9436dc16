"""Frames of what has happened, read with the columns of what was forecast."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from toto.data.regular_series import RegularSeries
from toto.data.stamps import Stamps, read_stamps
from toto.data.table import Table, find_time_column, read_values
from toto.errors import InputError


@dataclass(frozen=True)
class Columns:
    """Under which names the data of a forecast came; `id_column` is None for data that were not long.

    has_zone: whether its times are in a time zone; None: they are numbers.
    day_first: how its dates were read, and `as_before` a stamp of them, by which others are.
    """

    time: str
    id_column: str | None
    targets: tuple[str, ...]
    several_targets: bool
    has_zone: bool | None
    day_first: bool | None
    as_before: Stamps = field(compare=False)

    @classmethod
    def of(cls, series: Sequence[RegularSeries]) -> "Columns":
        """Those of the data of these series."""
        first = series[0]
        targets = dict.fromkeys(variate for one in series for variate in one.variates)
        id_column = first.id_column if first.ids else None
        has_zone = first.time_zone is not None if first.grid.counts_time else None
        return cls(
            first.time_column,
            id_column,
            tuple(targets),
            first.several_targets,
            has_zone,
            first.day_first,
            first.as_before,
        )


class Actuals(NamedTuple):
    """The values of all rows of a table, target after target.

    labels: the series of each.
    moments: UTC, or a number.
    """

    table: Table
    time_column: str
    targets: list[str]
    labels: list[str]
    moments: Shaped[np.ndarray, " values"]
    values: Float[np.ndarray, " values"]

    @property
    def known(self) -> Bool[np.ndarray, " values"]:
        """True where there is a value."""
        return ~np.isnan(self.values)

    def check_repeated(self, places: Int[np.ndarray, " found"], found: Int[np.ndarray, " found"]) -> None:
        """Raise if several of the values `found` have one place, a step of a series.

        Raises:
            InputError: several do.
        """
        order = np.argsort(places, kind="stable")
        repeated = np.flatnonzero(np.diff(places[order]) == 0)
        if not len(repeated):
            return
        before, value = found[order[repeated[0]]], found[order[repeated[0] + 1]]
        row, row_before = (int(one) % len(self.table.cells) for one in (value, before))
        texts = [self.table.text(one, self.time_column) for one in (row, row_before)]
        again = "is there a second time" if texts[0] == texts[1] else f"falls on the same step as {texts[1]}"
        raise InputError(
            f"{self.table.place(row, self.time_column)}: {texts[0]} of {self.labels[value]} {again}; keep "
            "one row of a step, or make one of them with aggregate='mean', 'sum', 'last', ..."
        )


def read_for_all(frame: Any, kinds: Iterable[Columns], day_first: bool | None) -> dict[Columns, Actuals]:
    """The values in a frame by the columns of each kind that fits it.

    A frame with the id column of one kind is long: then only kinds with an id column fit.

    Raises:
        InputError: none fits; the error is that of the first.
    """
    readings: dict[Columns, Actuals] = {}
    errors = []
    for columns in kinds:
        try:
            readings[columns] = read_actuals(frame, columns, day_first)
        except InputError as error:
            errors.append(error)
    if not readings:
        raise errors[0]
    long = {columns: one for columns, one in readings.items() if columns.id_column is not None}
    return long or readings


def read_actuals(frame: Any, columns: Columns, day_first: bool | None = None) -> Actuals:
    """The values in a frame with the columns of the data that was forecast; others do not matter.

    Raises:
        InputError: no such columns, time stamps that cannot be read, or a time zone on one side alone.
    """
    table = Table(frame, "actuals")
    present = table.cells.columns
    time_column = find_time_column(table, columns.time if columns.time in present else None)
    if time_column is None:
        raise InputError("actuals need a time column, or the ticket of their forecast")
    targets = [name for name in columns.targets if name in present]
    if not targets:
        raise InputError(
            f"actuals need columns of the forecast, {', '.join(columns.targets)}; there are {table.columns()}"
        )
    stamps = read_stamps(table, time_column, day_first, columns.as_before)
    _check_zone(time_column, stamps, columns)
    return Actuals(
        table,
        time_column,
        targets,
        _labels(table, columns, targets),
        np.tile(stamps.utc, len(targets)),
        read_values(table, targets).reshape(-1),
    )


def _check_zone(time_column: str, stamps: Stamps, columns: Columns) -> None:
    """Raise where one side has a time zone and the other none: which hour is which is not known.

    Raises:
        InputError: it is so.
    """
    if stamps.utc.dtype.kind != "M" or columns.has_zone is None:
        return
    if (stamps.time_zone is not None) != columns.has_zone:
        has, has_not = ("forecast", "actuals") if columns.has_zone else ("actuals", "forecast")
        raise InputError(
            f"actuals, column {time_column}: the times of the {has} are in a time zone and those of the "
            f"{has_not} in none; give both the same kind"
        )


def _labels(table: Table, columns: Columns, targets: Sequence[str]) -> list[str]:
    """The row of a forecast that each value belongs to, target after target."""
    if columns.id_column is None:
        return [target for target in targets for _ in range(len(table.cells))]
    table.check_column(columns.id_column)
    ids = table.cells[columns.id_column].to_list()
    return [
        f"{name}, {target}" if columns.several_targets else str(name) for target in targets for name in ids
    ]


def num_unmet(readings: Iterable[tuple[Actuals, Bool[np.ndarray, " _"]]]) -> int:
    """The values of a frame that nothing met in any reading; of each reading those that it left."""
    unmet: dict[str, Any] = {}  # of each target, by row
    for actuals, left in readings:
        for target, rows in zip(actuals.targets, left.reshape(len(actuals.targets), -1), strict=True):
            unmet[target] = unmet.get(target, True) & rows
    return sum(int(rows.sum()) for rows in unmet.values())


def count_numbers(frame: Any) -> int:
    """The numbers of a frame of which no columns are known: all but times and ids."""
    table = Table(frame, "actuals")
    beside = {find_time_column(table, None), "unique_id"} if len(table.cells) else set()
    numbers = [name for name in table.cells.columns if table.cells[name].dtype.is_numeric()]
    return int(np.isfinite(read_values(table, [name for name in numbers if name not in beside])).sum())
