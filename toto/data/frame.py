"""Data frames to regular series.

A frame is *wide* (a time column and one column per variate: one series of several variates) or *long* (a
series id, a time and one or several targets in every row: many series, each with its own time grid).
Either becomes `RegularSeries`: values on a regular grid, NaN where the grid has no row or the row has no
value.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from jaxtyping import Float, Int

from toto.data.future_covariates import FutureCovariates
from toto.data.gridding import Gridder
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.stamps import Stamps, read_stamps
from toto.data.table import (
    Table,
    find_time_column,
    is_missing,
    read_values,
    rows_by_value,
    without_row_numbers,
)
from toto.errors import InputError

log = logging.getLogger(__name__)

RowNumbers = Int[np.ndarray, " _"]

_NOT_GIVEN = Layout()


def is_long(table: Table, id_column: str | None = None) -> bool:
    """Whether many series stand below each other: an id column is named, or there is a `unique_id`."""
    return id_column is not None or "unique_id" in table.cells.columns


def series_from_table(
    table: Table, layout: Layout = _NOT_GIVEN, future: Table | None = None, horizon: int = 0
) -> list[RegularSeries]:
    """The series of a long frame, or the one of a wide frame; see `series_from_long`, `series_from_wide`."""
    if is_long(table, layout.id_column):
        return series_from_long(table, layout, future, horizon)
    return [series_from_wide(table, layout, future, horizon)]


def series_from_wide(
    table: Table, layout: Layout = _NOT_GIVEN, future: Table | None = None, horizon: int = 0
) -> RegularSeries:
    """The one series of a wide frame: a time column and one number column per variate.

    Where there is no time column the steps are numbered from 1, and a warning is logged.

    Args:
        table: rows in any order.
        layout: what the columns are.
        future: known values of covariates in the steps after the series, in columns with the names they
            have in `table`, beside a time column.
        horizon: how many steps `future` must cover.

    Raises:
        InputError: no rows or columns; text among numbers; time stamps that cannot be read, or several rows
            for one step; covariates that are not known at every step. The message names the place.
    """
    _check_rows(table)
    if layout.group is not None:
        raise InputError("group needs a long frame: the columns of a wide one are variates of one series")
    time_column = find_time_column(table, layout.time_column)
    known = None if future is None else FutureCovariates(table, future, layout, time_column, None)
    columns = _Columns(table, layout, known, [] if time_column is None else [time_column], _all_of_wide)
    if time_column is None:
        log.warning("%s has no time column: its steps are numbered from 1", table.name)
        steps = np.arange(1, len(table.cells) + 1)
        stamps = Stamps(steps, steps, None, nw.Int64())
    else:
        stamps = read_stamps(table, time_column, layout.day_first)
    gridder = _gridder(table, time_column or "time", stamps, columns, layout)
    rows = np.arange(len(table.cells))
    if not gridder.has_interval(rows):
        raise _no_interval(gridder, {None: rows})
    series = columns.series(gridder, {None: rows}, [""], horizon)
    columns.report(gridder)
    return series


def series_from_long(
    table: Table, layout: Layout = _NOT_GIVEN, future: Table | None = None, horizon: int = 0
) -> list[RegularSeries]:
    """The series of a long frame, in the order in which their ids first appear.

    Several targets make every series multivariate. Series may differ in length and grid, unless they are
    grouped: then the values of a group are those of one series, whose end is the latest of any.
    A series with a single time stamp has steps like most others. The other arguments and the errors are those
    of `series_from_wide`.
    """
    _check_rows(table)
    id_column = layout.id_column or "unique_id"
    table.check_column(id_column)
    time_column = find_time_column(table, layout.time_column)
    if time_column is None:
        raise InputError(
            f"{table.name}: a long table needs a time column: name it with time_column (--time-column); "
            f"there are {table.columns()}"
        )
    known = None if future is None else FutureCovariates(table, future, layout, time_column, id_column)
    columns = _Columns(table, layout, known, [id_column, time_column], _target_of_long)
    stamps = read_stamps(table, time_column, layout.day_first)
    gridder = _gridder(table, time_column, stamps, columns, layout)
    rows_by_id = rows_by_value(table, id_column)
    groups = _groups(table, layout, rows_by_id)
    alone = [not any(gridder.has_interval(rows_by_id[one]) for one in ids) for ids in groups]
    if all(alone):
        raise _no_interval(gridder, rows_by_id)
    series: dict[int, RegularSeries] = {}
    for place in np.argsort(alone, kind="stable").tolist():  # the others tell the steps of these
        of_group = {one: rows_by_id[one] for one in groups[place]}
        names = [f" of series {one}" for one in of_group]
        series[place] = columns.series(gridder, of_group, names, horizon, id_column)
    columns.report(gridder)
    return [series[place] for place in range(len(groups))]


class _Columns:
    """Which columns are targets, past and known covariates."""

    def __init__(
        self,
        table: Table,
        layout: Layout,
        known: FutureCovariates | None,
        no_values: Sequence[str],
        usual: Callable[[Table, Sequence[str]], Sequence[str]],
    ) -> None:
        self.future = known
        self.past = list(layout.past_covariates)
        self.known = list(layout.known_covariates) if known is None else known.names
        self.static = list(layout.static_covariates)
        beside = [*no_values, *self.past, *self.known, *self.static]
        others = [name for name in table.cells.columns if name not in (*beside, layout.group)]
        self.targets = list(layout.columns or usual(table, without_row_numbers(table, others)))
        if not self.targets:
            of_future = "" if known is None else f"; {', '.join(self.known)} is a covariate, as future has it"
            raise InputError(f"{table.name}: no column of values beside {', '.join(beside)}{of_future}")
        self._check(table, no_values)

    def _check(self, table: Table, no_values: Sequence[str]) -> None:
        """`InputError` for a column that is not there, or that is two things."""
        for i, column in enumerate(self.all):
            table.check_column(column)
            if self.future is not None and column in self.targets and column in self.known:
                raise InputError(
                    f"columns: {column!r} is a target, and a covariate, as future has it: leave it out there"
                )
            if column in no_values or column in self.all[:i]:
                raise InputError(
                    f"columns: {column!r} is used twice; the time and id columns hold no values, and a "
                    "covariate is no target"
                )

    @property
    def all(self) -> list[str]:
        """Targets, past covariates, known covariates, static ones."""
        return [*self.targets, *self.past, *self.known, *self.static]

    def series(
        self,
        gridder: Gridder,
        rows_by_id: dict[Any, RowNumbers],
        names: Sequence[str],
        horizon: int,
        id_column: str | None = None,
    ) -> RegularSeries:
        """The rows of these ids as one series."""
        values, clock = gridder.on_grid(list(rows_by_id.values()), names)
        ends = np.cumsum([len(self.targets), len(self.past), len(self.known)])
        of_kind = [np.split(some, ends) for some in values]
        _, past, known, static = (np.concatenate(rows) for rows in zip(*of_kind, strict=True))
        if self.future is not None:
            num_steps = values[0].shape[1]
            after = [self.future.values(one, clock, num_steps, horizon) for one in rows_by_id]
            reach = min(some.shape[1] for some in after)
            known = np.concatenate([known, np.concatenate([some[:, :reach] for some in after])], axis=1)
        ids = () if id_column is None else tuple(one for one in rows_by_id for _ in self.targets)
        return RegularSeries(
            np.concatenate([rows[0] for rows in of_kind]),
            tuple(self.targets) * len(values),
            clock.grid,
            gridder.stamps.time_zone,
            gridder.time_column,
            id_column,
            ids,
            several_targets=id_column is not None and len(self.targets) > 1,
            grid_shows_zone=clock.shows_zone,
            time_type=gridder.stamps.dtype,
            day_first=gridder.stamps.day_first,
            aggregate=gridder.aggregate,
            past=past if self.past else None,
            known=known if self.known else None,
            static=self._constants(static, names) if self.static else None,
        )

    def report(self, gridder: Gridder) -> None:
        """Log what was done to the rows of the frame, and to those of the future."""
        gridder.report()
        if self.future is not None:
            self.future.report()

    def _constants(
        self, rows: Float[np.ndarray, "static time"], names: Sequence[str]
    ) -> Float[np.ndarray, " static"]:
        """The one value of each row, NaN if it has none; `InputError` for a row with several."""
        for row, (name, column) in zip(rows, product(names, self.static), strict=True):
            found = np.unique(row[np.isfinite(row)])
            if len(found) > 1:
                raise InputError(
                    f"static: column {column!r}{name} must have one value throughout, got {found[0]:g} and "
                    f"{found[1]:g}; a covariate that changes is known or past"
                )
        return np.array([np.append(row[np.isfinite(row)], np.nan)[0] for row in rows])


def _all_of_wide(table: Table, others: Sequence[str]) -> Sequence[str]:
    return others


def _target_of_long(table: Table, others: Sequence[str]) -> Sequence[str]:
    """`y`, or the only column that is nothing else.

    Raises:
        InputError: several, and no `y`.
    """
    if "y" in table.cells.columns:
        return ["y"]
    if len(others) < 2:
        return others
    raise InputError(
        f"{table.name}: a long table of several columns needs a target column y: name another one with "
        f"columns (--columns); there are {table.columns()}"
    )


def _gridder(table: Table, time_column: str, stamps: Stamps, columns: _Columns, layout: Layout) -> Gridder:
    if columns.future is not None:
        columns.future.check_like(stamps)
    covariates = columns.all[len(columns.targets) :]
    values = read_values(table, columns.all, covariates)
    return Gridder(table, time_column, stamps, values, layout.aggregate)


def _groups(table: Table, layout: Layout, rows_by_id: dict[Any, RowNumbers]) -> list[list[Any]]:
    """The ids that see each other, group by group."""
    if layout.together:
        return [list(rows_by_id)]
    if layout.group is None:
        return [[one] for one in rows_by_id]
    table.check_column(layout.group)
    missing = is_missing(table.cells[layout.group])
    if missing.any():
        raise InputError(
            f"{table.place(int(missing.argmax()), layout.group)}: no group; give every series one"
        )
    groups = table.cells[layout.group].to_list()
    found: dict[Any, list[Any]] = {}
    for one, rows in rows_by_id.items():
        names = {groups[row] for row in rows.tolist()}
        if len(names) > 1:
            raise InputError(
                f"group: series {one} is in several groups of column {layout.group}: "
                f"{', '.join(sorted(map(str, names))[:3])}; a series belongs to one"
            )
        found.setdefault(names.pop(), []).append(one)
    return list(found.values())


def _check_rows(table: Table) -> None:
    if len(table.cells) == 0:
        raise InputError(f"{table.name}: no rows; at least one row of values is needed")


def _no_interval(gridder: Gridder, rows_by_id: dict[Any, RowNumbers]) -> InputError:
    """The error that no series has two time stamps."""
    series_id, rows = next(iter(rows_by_id.items()))
    place, text = (
        say(int(rows[0]), gridder.time_column) for say in (gridder.table.place, gridder.table.text)
    )
    of_series = "" if series_id is None else f" of series {series_id}, and no other series has two"
    return InputError(f"{place}: {text} is the only time stamp{of_series}; 2 are needed to know the interval")
