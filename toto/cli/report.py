"""What the commands show: tables on stdout, a progress bar on stderr; rich is loaded here."""

import math
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from toto.cli import notes

FEW_ROWS = 40  # a table up to this long is shown in full
FIRST_STEPS, MAX_LABELS = 2, 20
SECONDS_WITHOUT_A_BAR = 1.0


def print_table(table: Table) -> None:
    """Print to stdout: within a terminal's width, or as wide as it is to a file or a pipe."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    unbounded = console.options.update(max_width=10_000)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def print_lines(lines: list[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(Text(name), Text(value))
    print_table(table)


def print_forecast(
    frame: Any, time_column: str, labels: Sequence[str], num_levels: int, title: str, summary: str
) -> None:
    """Print a tidy forecast frame: all of it, or the first and last steps of the first series.

    The frame holds the same number of rows for each of `labels`, one label after the other. Of its
    numbers the quantiles are shown, not the mean, which a few wild paths move anywhere.
    """
    horizon = len(frame) // len(labels)
    in_full = len(frame) <= FEW_ROWS
    shown = labels if in_full else labels[:MAX_LABELS]
    number_columns = list(frame.columns)[-num_levels:]  # before the levels stand mean and median
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variate" if "variate" in frame.columns else "series", overflow="fold")
    table.add_column(time_column, no_wrap=True)
    for column in number_columns:
        table.add_column(column, justify="right", no_wrap=True)
    times = frame[time_column].iloc[: len(shown) * horizon].astype(str).tolist()
    for i, label in enumerate(shown):
        first = i * horizon
        numbers = frame[number_columns].iloc[first : first + horizon].to_numpy()
        write = _number_format(float(abs(numbers).max()))
        for step in _shown(horizon, in_full):
            if step is None:
                table.add_row("", *["..."] * (1 + len(number_columns)))
            else:
                name = label if step == 0 else ""
                table.add_row(Text(name), times[first + step], *[write(value) for value in numbers[step]])
        table.add_section()
    Console(highlight=False).print(Text(title, style="bold"), soft_wrap=True)
    print_table(table)
    if not in_full:
        part = f" of the first {MAX_LABELS} of {len(labels)}" if len(labels) > MAX_LABELS else ""
        print(f"First and last steps{part}; --out forecast.csv writes all {len(frame):,} rows.")
    print(summary)


def _shown(horizon: int, in_full: bool) -> list[int | None]:
    """The steps to show; None stands for those left out."""
    if in_full or horizon <= FIRST_STEPS + 2:
        return list(range(horizon))
    return [*range(FIRST_STEPS), None, horizon - 1]


def _number_format(largest: float) -> Callable[[float], str]:
    """Five digits of the largest number, and the same decimals for the others."""
    if not math.isfinite(largest) or not 1e-4 < largest < 1e12:
        return "{:.4g}".format
    decimals = max(0, 4 - math.floor(math.log10(largest)))
    return f"{{:,.{decimals}f}}".format


class PatientProgress:
    """A progress bar on stderr, on a terminal and without `--quiet`, once the work has taken a second."""

    def __init__(self, num_series: int, work: str = "forecasting") -> None:
        columns = (
            TextColumn(work),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(work, total=num_series)
        self._series_done = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> "PatientProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress.live.is_started:  # else it would print an empty line
            self._progress.stop()

    def within_series(self, done: int, total: int) -> None:
        """`done` of `total` parts of the current series are computed."""
        self._show(self._series_done + done / total)

    def series_done(self) -> None:
        """One more series is complete."""
        self._series_done += 1
        self._show(self._series_done)

    def _show(self, completed: float) -> None:
        late = time.monotonic() - self._started > SECONDS_WITHOUT_A_BAR
        if late and self._progress.console.is_terminal and notes.are_wanted():
            self._progress.start()
        self._progress.update(self._task, completed=completed)
