"""Values of covariates that are known for the steps after a series."""

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toto.data.gridding import Clock
from toto.data.layout import Layout
from toto.data.off_grid import OffGrid
from toto.data.stamps import Stamps, read_stamps
from toto.data.table import Numbers, Table, check_read, find_time_column, read_numbers, rows_by_value
from toto.errors import InputError


class FutureCovariates:
    """A frame of known values: columns of covariates, a time column, in long frames the id column.

    Args:
        table: the frame with the history; it must have every covariate too.
        future: the frame of known values; rows may go on beyond the horizon, and may be in any order. Where
            the layout names known covariates, those beyond it are not used, whatever they hold.
        layout, time_column, id_column: of the history; the frames have them in common.

    Raises:
        InputError: no such columns.
    """

    def __init__(
        self, table: Table, future: Table, layout: Layout, time_column: str | None, id_column: str | None
    ) -> None:
        if time_column is None:
            raise InputError(f"{table.name}: future needs a time column in both frames, to know the steps")
        self._table, self._day_first, self._id_column = future, layout.day_first, id_column
        found = time_column if time_column in future.cells.columns else find_time_column(future, None)
        if found is None:
            raise InputError(f"{future.name}: no column {time_column!r}; there are {future.columns()}")
        if id_column is not None:
            future.check_column(id_column)
        self._time_column = found
        self._off_grid = OffGrid()
        values = [name for name in future.cells.columns if name not in (found, id_column)]
        self.names = list(layout.known_covariates) or values
        self._goes_on = not layout.known_covariates
        for name in self.names:
            if name not in values:
                raise InputError(
                    f"{future.name}: no column {name!r}, a known covariate; there are {future.columns()}"
                )
            if name not in table.cells.columns:
                raise InputError(
                    f"{future.name}: the covariate {name!r} is no column of {table.name}, whose history is "
                    f"needed too; there are {table.columns()}"
                )
        if not self.names:
            raise InputError(f"{future.name}: no covariates beside {', '.join(future.cells.columns)}")

    def check_like(self, stamps: Stamps) -> None:
        """Read the time stamps; `InputError` unless they are of the kind of these, those of the history."""
        mine = self._stamps = read_stamps(self._table, self._time_column, self._day_first, like=stamps)
        kind, wanted = ("dates" if some.utc.dtype.kind == "M" else "numbers" for some in (mine, stamps))
        if kind != wanted:
            raise InputError(
                f"{self._table.name}, column {self._time_column}: must hold {wanted} like the time stamps of "
                f"the history, not {kind}"
            )
        if mine.time_zone != stamps.time_zone:
            raise InputError(
                f"{self._table.name}, column {self._time_column}: must hold time stamps like those of the "
                f"history, with {stamps.time_zone or 'no time zone'}, not {mine.time_zone or 'none'}"
            )

    def values(
        self, series_id: Any, clock: Clock, num_steps: int, horizon: int
    ) -> Float[np.ndarray, "covariates known_steps"]:
        """The values of a series in the steps after its `num_steps`: the `horizon` and what is known beyond.

        Raises:
            InputError: a step of the horizon without a row or a value, or with several rows.
        """
        rows = self._rows_by_id.get(series_id, np.arange(0))
        if not len(rows) and self._rows_by_id and self._id_column is not None:
            there = ", ".join(map(repr, list(self._rows_by_id)[:3])) + ", ..." * (len(self._rows_by_id) > 3)
            raise InputError(
                f"{self._table.name}, column {self._id_column}: no rows of series {series_id!r}, whose "
                f"covariates are needed; there are those of {there}"
            )
        stamps = clock.stamps(self._stamps, rows)
        steps = clock.grid.nearest(stamps) - num_steps
        after = (steps >= 0) & ((steps < horizon) | self._goes_on)
        self._off_grid.add(clock.grid, stamps[after])
        rows, steps = rows[after], steps[after]
        order = np.argsort(steps, kind="stable")
        rows, steps = rows[order], steps[order]
        self._check_repeated(rows, steps, series_id)
        known_to = int(np.argmax(np.append(steps, -1) != np.arange(len(steps) + 1)))
        check_read(self._table, self.names, self._numbers.unread, rows, covariates=self.names)
        values = self._numbers.values[:, rows[:known_to]]
        unknown = np.isnan(values).any(0)
        if unknown.any():
            known_to = int(unknown.argmax())
        if known_to < horizon:
            missing = str(clock.grid.at(np.array([num_steps + known_to]))[0]).removesuffix(".000000")
            raise InputError(
                f"{self._table.name}: the covariates{self._of(series_id)} must be known at every one of the "
                f"{horizon} steps after the series; there is no value for {missing}"
            )
        return values[:, :known_to]

    def report(self) -> None:
        """Log which time stamps were off the grid of the history, if any were."""
        self._off_grid.report(self._table.name)

    def _check_repeated(
        self, rows: Int[np.ndarray, " rows"], steps: Int[np.ndarray, " rows"], series_id: Any
    ) -> None:
        repeated = np.flatnonzero(np.diff(steps) == 0) + 1
        if len(repeated):
            row, before = int(rows[repeated[0]]), int(rows[repeated[0] - 1])
            text, text_before = (self._table.text(one, self._time_column) for one in (row, before))
            again = "is there a second time" if text == text_before else f"falls on the step of {text_before}"
            raise InputError(
                f"{self._table.place(row, self._time_column)}: {text}{self._of(series_id)} {again}; keep one "
                "row of covariates per step, at the time stamps that go on from those of the history"
            )

    def _of(self, series_id: Any) -> str:
        return "" if self._id_column is None else f" of series {series_id}"

    @cached_property
    def _numbers(self) -> Numbers:
        return read_numbers(self._table, self.names)

    @cached_property
    def _rows_by_id(self) -> dict[Any, Int[np.ndarray, " _"]]:
        if self._id_column is None:
            return {None: np.arange(len(self._table.cells))}
        return rows_by_value(self._table, self._id_column)
