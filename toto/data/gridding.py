"""Rows at any times, in any order, to values on a regular grid."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from toto.data.aggregates import aggregated, check_aggregate
from toto.data.even_steps import most_common_interval
from toto.data.off_grid import OffGrid
from toto.data.stamps import Stamps
from toto.data.table import Table
from toto.data.time_grid import DAY, TimeGrid, fit_grid
from toto.errors import InputError

log = logging.getLogger(__name__)

MAX_STEPS = 10_000_000

RowNumbers = Int[np.ndarray, " rows_of_series"]
ManyRowNumbers = Sequence[Int[np.ndarray, " _"]]


@dataclass(frozen=True)
class Clock:
    """A grid, and whether its stamps are those of the clock of the time zone, or UTC."""

    grid: TimeGrid
    shows_zone: bool

    def stamps(self, stamps: Stamps, rows: RowNumbers) -> Shaped[np.ndarray, " rows_of_series"]:
        """The stamps of rows as the grid has them."""
        return (stamps.clock if self.shows_zone else stamps.utc)[rows]


class Gridded(NamedTuple):
    """Values of several series on one grid, NaN where a step has no row; step 0 is the first of any."""

    values: list[Float[np.ndarray, "columns time"]]
    clock: Clock


class Gridder:
    """Puts the rows of a table on grids, and counts what it did to them.

    Args:
        values: of all rows.
        aggregate: what is made of several rows on one step: a name in `AGGREGATES`; None: an error.
    """

    def __init__(
        self,
        table: Table,
        time_column: str,
        stamps: Stamps,
        values: Float[np.ndarray, "columns rows"],
        aggregate: str | None,
    ) -> None:
        check_aggregate(aggregate)
        self.table, self.time_column, self.stamps = table, time_column, stamps
        self._values, self.aggregate = values, aggregate
        self._clocks: dict[str, Clock] = {}  # the first of every spacing
        self._spacings: Counter[str] = Counter()
        self._unsorted = self._gaps = self._combined = self._alone = 0
        self._off_grid = OffGrid()

    def on_grid(self, series: ManyRowNumbers, names: Sequence[str]) -> Gridded:
        """The series that these rows are, on the finest grid of any of them.

        Where none of them tells the length of a step, it is the most common one of the series before.

        Args:
            series: rows of each.
            names: what messages call each, ` of series a`; empty for the only one.

        Raises:
            InputError: several rows for one step, or a gap that cannot be meant.
        """
        in_order = [self._in_order(rows) for rows in series]
        clock = self._finest_clock(in_order)
        steps = [self._steps(clock, rows, name) for rows, name in zip(in_order, names, strict=True)]
        first, last = min(some[0] for some in steps), max(some[-1] for some in steps)
        self._check_length(clock, first, last, in_order, steps)
        values = [
            self._fill(rows, some - first, last - first + 1)
            for rows, some in zip(in_order, steps, strict=True)
        ]
        return Gridded(values, Clock(clock.grid.starting_at(int(first)), clock.shows_zone))

    def has_interval(self, rows: RowNumbers) -> bool:
        """Whether the rows tell the length of a step: numbers do, and dates if there are different ones."""
        stamps = self.stamps.utc[rows]
        return stamps.dtype.kind != "M" or bool((stamps != stamps[0]).any())

    def report(self) -> None:
        """Log what was done to the rows, if anything was."""
        name = self.table.name
        if self._unsorted:
            log.warning("%s: the rows of %d series are sorted by time", name, self._unsorted)
        self._off_grid.report(name)
        if self._combined:
            log.warning("%s: %s of rows on one step: %d rows less", name, self.aggregate, self._combined)
        if self._alone:
            log.warning(
                "%s: %d series with a single time stamp have the steps of most others, %s",
                name,
                self._alone,
                self._usual_spacing,
            )
        if self._gaps:
            log.info("%s: %d steps without a row are missing values", name, self._gaps)

    def _in_order(self, rows: RowNumbers) -> RowNumbers:
        stamps = self.stamps.utc[rows]
        if (stamps[1:] >= stamps[:-1]).all():
            return rows
        self._unsorted += 1
        return rows[np.argsort(stamps, kind="stable")]

    def _finest_clock(self, series: ManyRowNumbers) -> Clock:
        clocks = [self._clock(rows) for rows in series if self.has_interval(rows)]
        if not clocks:
            return self._usual_clock(series[0])
        for clock in clocks:
            self._clocks.setdefault(clock.grid.spacing, clock)
            self._spacings[clock.grid.spacing] += 1
        return min(clocks, key=lambda clock: clock.grid.interval_seconds)

    def _usual_clock(self, rows: RowNumbers) -> Clock:
        """The most common clock, beginning at the first of these rows."""
        self._alone += 1
        usual = self._clocks[self._usual_spacing]
        start = usual.stamps(self.stamps, rows)[0]
        return Clock(replace(usual.grid, start=start), usual.shows_zone)

    @property
    def _usual_spacing(self) -> str:
        return self._spacings.most_common(1)[0][0]

    def _clock(self, rows: RowNumbers) -> Clock:
        """The grid of a series: days and longer are on the clock of its zone, hours in UTC if all fit."""
        utc, shown = np.unique(self.stamps.utc[rows]), np.unique(self.stamps.clock[rows])
        if self.stamps.time_zone is None or len(shown) < 2:
            return Clock(fit_grid(utc), False)
        days_first = bool(most_common_interval(shown) >= DAY)
        clocks = [Clock(fit_grid(shown if zone else utc), zone) for zone in (days_first, not days_first)]
        for clock in clocks:
            if clock.grid.holds(clock.stamps(self.stamps, rows)).all():
                return clock
        return clocks[0]

    def _steps(self, clock: Clock, rows: RowNumbers, name: str) -> RowNumbers:
        stamps = clock.stamps(self.stamps, rows)
        steps = clock.grid.nearest(stamps)
        self._off_grid.add(clock.grid, stamps)
        self._check_repeated(clock, rows, steps, name)
        return steps

    def _check_repeated(self, clock: Clock, rows: RowNumbers, steps: RowNumbers, name: str) -> None:
        repeated = np.flatnonzero(steps[1:] == steps[:-1]) + 1
        self._combined += len(repeated)
        if len(repeated) == 0 or self.aggregate is not None:
            return
        row, before = rows[repeated[0]], rows[repeated[0] - 1]
        text, text_before = (self.table.text(int(one), self.time_column) for one in (row, before))
        if self.stamps.utc[row] != self.stamps.utc[before]:
            clash = f"falls on the same step of {clock.grid.spacing} as {text_before}"
        elif text != text_before:
            clash = f"is the same moment as {text_before}, for dates are read to 1 us"
        else:
            clash = "is there a second time"
        more = f" ({len(repeated)} such rows in all)" if len(repeated) > 1 else ""
        raise InputError(
            f"{self.table.place(int(row), self.time_column)}: {text}{name} {clash}{more}; keep one row of a "
            "step, make one of them with aggregate='mean', 'sum', 'last', ... (--aggregate mean), or name "
            "the column that tells series apart with id_column (--id-column)"
        )

    def _check_length(
        self,
        clock: Clock,
        first: Any,
        last: Any,
        series: ManyRowNumbers,
        steps: ManyRowNumbers,
    ) -> None:
        if last - first < MAX_STEPS:
            return
        every = np.sort(np.concatenate(steps))
        gap = int(np.diff(every).argmax())
        of_row = np.concatenate(series)[np.argsort(np.concatenate(steps), kind="stable")]
        row, num_steps = int(of_row[gap + 1]), every[gap + 1] - every[gap]
        place, text = self.table.place(row, self.time_column), self.table.text(row, self.time_column)
        raise InputError(
            f"{place}: {text} comes {num_steps} steps of {clock.grid.spacing} after the row before it; a "
            f"series has at most {MAX_STEPS} steps: check the time stamp"
        )

    def _fill(self, rows: RowNumbers, steps: RowNumbers, num_steps: Any) -> Float[np.ndarray, "columns time"]:
        """The values of the rows at their steps, NaN at the others."""
        starts = np.flatnonzero(np.diff(steps, prepend=-1))
        given = self._values[:, rows]
        if len(starts) < len(steps):
            given = aggregated(given, starts, self.aggregate or "")
        filled = np.full((len(given), num_steps), np.nan)
        filled[:, steps[starts]] = given
        self._gaps += int(num_steps - len(starts))
        return filled
