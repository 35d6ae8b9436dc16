"""`toto watch`: rows in, one after the other; alarms out."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toto.anomaly.detector import Detector
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.rate import false_alarms_per_step
from toto.cli.live_gaps import Gaps
from toto.cli.live_misfits import Misfits
from toto.cli.live_rows import LiveRows, Row
from toto.cli.live_stream import LiveStream
from toto.errors import InputError
from toto.inference.compilation import RuntimeSettings
from toto.inference.models import Model

log = logging.getLogger(__name__)

_PATCHES_TO_BEGIN = 4  # of rows, before which there is too little to compare with
_SAVED_EVERY = 100  # rows


@dataclass(frozen=True)
class WatchSettings:
    """Which model watches what, and how.

    columns: None: all but the time. cool_down: steps without a further alarm that end one.
    detector: a name in `DETECTORS`.
    """

    model: str
    runtime: RuntimeSettings
    time_column: str | None
    columns: list[str] | None
    context: int
    false_alarms: str
    cool_down: int
    history: Path | None
    state: Path | None
    detector: str = "deviation"


def run_watch(lines: Iterable[str], settings: WatchSettings, show: Callable[[str], None]) -> None:
    """Watch rows until they end or Ctrl-C is pressed; `show` gets every alarm as a line of JSON.

    Raises:
        InputError: a detector or a rate that is none, a state in no folder, a history that cannot be read or
            is too short, first rows that lack a header or what is watched, or rows that end before there
            are enough to begin with.
        CheckpointError: no such model, or a file of state that is none.
    """
    if settings.detector not in DETECTORS:  # what is wrong is said before anything else
        raise InputError(f"--detector must be one of {', '.join(DETECTORS)}, got {settings.detector!r}")
    false_alarms_per_step(settings.false_alarms, 1e-9)
    if settings.state is not None and (settings.state.is_dir() or not settings.state.parent.is_dir()):
        raise InputError(f"--state must be a file in a folder that is there, got {settings.state}")
    watcher = Watcher(settings.runtime.load(settings.model), settings, show)
    try:
        watcher.watch(lines)
    finally:
        watcher.save()
    watcher.check_begun()  # an alarm that could never come is worse than an error


class Watcher:
    """Takes rows; collects the first ones unless there is a state or a history, and then compares."""

    def __init__(self, model: Model, settings: WatchSettings, show: Callable[[str], None]) -> None:
        self._model = model
        self._settings = settings
        self._show = show
        self._needed = _PATCHES_TO_BEGIN * model.config.patch_size  # rows
        self._collected: list[Row] = []
        self._num_collected = 0  # with those that were not begun with
        self._hindrance = ""  # why collected rows were none to begin with
        self._has_begun = False
        self._watched: LiveStream | None = None
        self._gaps = Gaps()
        self._num_taken = 0
        self._misfits = Misfits()
        self._absent: set[str] = set()  # columns of which it was said that rows lack them
        self._header: list[str] | None = None  # of the newest CSV
        if settings.state is not None and settings.state.is_file():
            self._go_on(settings.state)
        elif settings.history is not None:
            self._begin(self._rows_of(settings.history))

    def watch(self, lines: Iterable[str]) -> None:
        """Take all rows in lines of text, as they come."""
        for row in self._readable(lines):
            self._take(row)

    def _readable(self, lines: Iterable[str], where: str = "") -> Iterator[Row]:
        rows = LiveRows(lines, self._settings.time_column, self._settings.columns, self._header)
        for row in rows:
            self._header = rows.header
            if isinstance(row, Row):
                yield row
            else:
                log.warning("%s%s", where, row)

    def _take(self, row: Row) -> None:
        if self._watched is None:
            self._collect(row)
            return
        self._report_absent(row, self._watched.columns)
        try:
            turn = self._gaps.pass_on(row, self._watched.steps_ahead(row))
        except InputError as error:
            self._leave_out(row, str(error))
            return
        if turn.ahead is not None:
            self._leave_out(turn.ahead, f"its time is ahead, the row after it is of {row.text}")
        for one in turn.rows:
            self._append(one)

    def _append(self, row: Row) -> None:
        if self._watched is None:  # too many before it did not fit
            self._collect(row)
            return
        before = self._watched.num_steps
        try:
            alarm = self._watched.take(row)
        except InputError as error:
            self._leave_out(row, str(error))
            return
        num_steps = self._watched.num_steps - before
        if not num_steps:  # late
            return
        if alarm is not None:
            self._show(json.dumps(alarm))
        self._num_taken += 1
        if self._num_taken % _SAVED_EVERY == 0:
            self.save()
        if self._misfits.add_fit(num_steps):
            self._begin_anew(f"{Misfits.TOLERATED} rows in a row came {num_steps} steps apart")

    def save(self) -> None:
        """Write the state, if there is a file for it."""
        if self._settings.state is not None and self._watched is not None:
            self._watched.save(self._settings.state, self._header)

    def check_begun(self) -> None:
        """Check, when rows have ended, that watching had begun.

        Raises:
            InputError: too few rows came, or none that could be begun with.
        """
        if not self._has_begun:
            raise InputError(
                f"nothing was watched: it takes {self._needed} rows to begin with, got "
                f"{self._num_collected or 'none'}{self._hindrance}: give more, or a --history of such rows"
            )

    def _collect(self, row: Row) -> None:
        self._num_collected += 1
        if not self._collected:
            log.warning("collecting %d rows to begin with", self._needed)
        elif not _is_later(row, self._collected[-1]):
            self._leave_out(row, f"it must be later than that of {self._collected[-1].text} before it")
            return
        self._misfits = Misfits()
        self._collected.append(row)
        if len(self._collected) < self._needed:
            return
        rows, self._collected = self._collected, []
        try:
            self._begin(rows)
        except InputError as error:
            self._hindrance = f": {error}"
            log.warning("watching cannot begin with these rows: %s", error)

    def _report_absent(self, row: Row, columns: Sequence[str]) -> None:
        if not (self._num_taken or row.values.keys() & set(columns)):
            raise InputError(
                f"rows must hold a column that is watched, {', '.join(columns)}, got "
                f"{', '.join(row.values)}: give a history or a state of such rows"
            )
        for name in columns:
            if name not in row.values and name not in self._absent:
                self._absent.add(name)
                log.warning("the row of %s has no column %r: it is missing in such rows", row.text, name)

    def _leave_out(self, row: Row, reason: str) -> None:
        log.warning("the row of %s is left out: %s", row.text, reason)
        if self._misfits.add():
            self._begin_anew(f"{Misfits.TOLERATED} rows in a row did not fit")

    def _begin_anew(self, reason: str) -> None:
        log.warning("%s: watching begins anew", reason)
        self._watched, self._collected = None, []
        self._gaps, self._misfits = Gaps(), Misfits()

    def _go_on(self, state: Path) -> None:
        self._watched = watched = LiveStream.load(state, self._model, self._detector)
        self._header = watched.header
        if self._settings.columns not in (None, watched.columns):
            raise InputError(
                f"{state} watches {','.join(watched.columns)}: give these as --columns, or another --state"
            )
        self._report_begin(watched)

    def _begin(self, rows: Sequence[Row]) -> None:
        settings = self._settings
        self._watched = LiveStream.begin(
            self._model, rows, settings.columns, self._detector, settings.context
        )
        self._report_begin(self._watched)

    def _report_begin(self, watched: LiveStream) -> None:
        self._has_begun = True
        log.info("watching %s every %g s", ", ".join(watched.columns), watched.interval_seconds)

    def _detector(self, interval_seconds: float) -> Detector:
        settings = self._settings
        kind = DETECTORS[settings.detector]
        return kind(
            self._model,
            settings.false_alarms,
            interval_seconds=interval_seconds,
            cool_down=settings.cool_down,
        )

    def _rows_of(self, file: Path) -> list[Row]:
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                rows = list(self._readable(lines, f"{file}, "))
        except FileNotFoundError:
            raise InputError(f"{file}: no such file; check the path") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read as text: {error}") from error
        if not rows:
            raise InputError(f"{file}: no row of values; the history must hold some")
        return rows


def _is_later(row: Row, before: Row) -> bool:
    return isinstance(row.time, float) == isinstance(before.time, float) and bool(row.time > before.time)
