"""`toto watch`: rows in, one after the other; alarms out."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from toto.anomaly.calibration import Calibration, Unit, units_of
from toto.anomaly.detector import Detector
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.rate import false_alarms_per_step
from toto.cli.live_judge import LiveJudge
from toto.cli.live_rows import LiveRows, Row
from toto.cli.live_stream import LiveStream, in_units
from toto.errors import InputError
from toto.inference.compilation import RuntimeSettings
from toto.model.toto import Toto
from toto.streaming.scores import StreamScores
from toto.streaming.stream import Stream

log = logging.getLogger(__name__)

_PATCHES_TO_BEGIN = 4  # of rows, before which there is too little to compare with
_CALIBRATED_ON = 4096  # newest steps of a history
_FEWEST = 20  # values of a column behind the first quarter of a history
_SAVED_EVERY = 100  # rows
_TOLERATED = 10  # rows that do not fit, after which watching begins anew


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
        InputError: a detector or a rate that is none, a state in no folder, a model of quantiles, or a
            history that cannot be read or is too short.
        CheckpointError: no such model, or a file of state that is none.
    """
    if settings.detector not in DETECTORS:  # what is wrong is said before anything else
        raise InputError(f"--detector must be one of {', '.join(DETECTORS)}, got {settings.detector!r}")
    false_alarms_per_step(settings.false_alarms, 1e-9)
    if settings.state is not None and (settings.state.is_dir() or not settings.state.parent.is_dir()):
        raise InputError(f"--state must be a file in a folder that is there, got {settings.state}")
    model = settings.runtime.load(settings.model)
    if not isinstance(model, Toto):
        raise InputError(f"--model {settings.model}: models of quantiles keep no stream; use toto detect")
    watcher = Watcher(model, settings, show)
    try:
        watcher.watch(lines)
    finally:
        watcher.save()


class Watcher:
    """Takes rows; collects the first ones unless there is a state or a history, and then compares."""

    def __init__(self, model: Toto, settings: WatchSettings, show: Callable[[str], None]) -> None:
        self._model = model
        self._settings = settings
        self._show = show
        self._collected: list[Row] = []
        self._watched: LiveStream | None = None
        self._num_taken = 0
        self._misfits = _Misfits()
        self._absent: set[str] = set()  # columns of which it was said that rows lack them
        if settings.state is not None and settings.state.is_file():
            self._watched = self._go_on(settings.state)
        elif settings.history is not None:
            self._watched = self._watch(self._stream_of(self._rows_of(settings.history)))

    def watch(self, lines: Iterable[str]) -> None:
        """Take all rows in lines of text, as they come."""
        for row in self._readable(lines):
            self._take(row)

    def _readable(self, lines: Iterable[str], where: str = "") -> Iterator[Row]:
        for row in LiveRows(lines, self._settings.time_column, self._settings.columns):
            if isinstance(row, Row):
                yield row
            else:
                log.warning("%s%s", where, row)

    def _take(self, row: Row) -> None:
        if self._watched is None:
            self._collect(row)
            return
        self._report_absent(row, self._watched.columns)
        before = self._watched.stream.num_steps
        try:
            alarm = self._watched.take(row)
        except InputError as error:
            self._leave_out(row, str(error))
            return
        num_steps = self._watched.stream.num_steps - before
        if not num_steps:  # late
            return
        if alarm is not None:
            self._show(json.dumps(alarm))
        self._num_taken += 1
        if self._num_taken % _SAVED_EVERY == 0:
            self.save()
        if self._misfits.add_fit(num_steps):
            self._begin_anew(f"{_TOLERATED} rows in a row came {num_steps} steps apart")

    def save(self) -> None:
        """Write the state, if there is a file for it."""
        if self._settings.state is not None and self._watched is not None:
            self._watched.stream.save(self._settings.state)

    def _collect(self, row: Row) -> None:
        needed = _PATCHES_TO_BEGIN * self._model.config.patch_size
        if not self._collected:
            log.warning("collecting %d rows to begin with", needed)
        elif not _is_later(row, self._collected[-1]):
            self._leave_out(row, f"it must be later than that of {self._collected[-1].text} before it")
            return
        self._misfits = _Misfits()
        self._collected.append(row)
        if len(self._collected) < needed:
            return
        rows, self._collected = self._collected, []
        try:
            stream = self._stream_of(rows)
        except InputError as error:
            log.warning("watching cannot begin with these rows: %s", error)
            return
        self._watched = self._watch(stream)

    def _report_absent(self, row: Row, columns: Sequence[str]) -> None:
        for name in columns:
            if name not in row.values and name not in self._absent:
                self._absent.add(name)
                log.warning("the row of %s has no column %r: it is missing in such rows", row.text, name)

    def _leave_out(self, row: Row, reason: str) -> None:
        log.warning("the row of %s is left out: %s", row.text, reason)
        if self._misfits.add():
            self._begin_anew(f"{_TOLERATED} rows in a row did not fit")

    def _begin_anew(self, reason: str) -> None:
        log.warning("%s: watching begins anew", reason)
        self._watched, self._collected, self._misfits = None, [], _Misfits()

    def _go_on(self, state: Path) -> LiveStream:
        stream = Stream.load(state, self._model)
        if not {"columns", "units"} <= set(stream.notes):
            raise InputError(f"{state} holds a stream that toto watch did not save: give another --state")
        columns = stream.notes["columns"]
        if self._settings.columns not in (None, columns):
            raise InputError(
                f"{state} watches {','.join(columns)}: give these as --columns, or another --state"
            )
        return self._watch(stream)

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

    def _stream_of(self, rows: Sequence[Row]) -> Stream:
        """A stream that begins with rows of the past, and knows its columns and units."""
        if len({isinstance(row.time, float) for row in rows}) > 1:
            raise InputError("times must be all dates or all numbers, got both")
        named = self._settings.columns or dict.fromkeys(name for row in rows for name in row.values)
        found = {name: np.array([row.values.get(name, math.nan) for row in rows]) for name in named}
        columns = [name for name, values in found.items() if _num_known(values) >= _FEWEST]
        if not columns:
            raise InputError(
                f"rows must hold at least {_FEWEST} observed steps of a column behind their first quarter to "
                f"calibrate on, got {len(rows)} rows of {', '.join(found)}: give more of them"
            )
        for name in found:
            if name not in columns:
                log.warning("column %s is left out: it has too few values in %d rows", name, len(rows))
        values = np.stack([found[name] for name in columns])
        units = units_of(values, None)
        times = np.array([row.time for row in rows])
        stream = Stream(
            self._model,
            in_units(values, units),
            times,
            max_context=self._settings.context,
            one_step_ahead=True,
        )
        stream.notes.update(columns=columns, units=[[u.centre, u.size, u.floor] for u in units])
        return stream

    def _watch(self, stream: Stream) -> LiveStream:
        """Judge a stream by what was learnt from it before, if that is what is asked for."""
        assert stream.clock is not None
        detector = DETECTORS[self._settings.detector](
            self._model,
            self._settings.false_alarms,
            interval_seconds=stream.clock.interval_seconds,
            cool_down=self._settings.cool_down,
        )
        columns, units = stream.notes["columns"], [Unit(*numbers) for numbers in stream.notes["units"]]
        log.info("watching %s every %g s", ", ".join(columns), stream.clock.interval_seconds)
        return LiveStream(stream, columns, units, self._judge(stream, detector, units))

    def _judge(self, stream: Stream, detector: Detector, units: Sequence[Unit]) -> LiveJudge:
        asked = {
            "detector": detector.kind,
            "false_alarms": detector.rate,
            "cool_down": detector.rule.cool_down,
        }
        learned = stream.notes.get("learned")
        if learned is not None and learned["asked"] == asked:
            return LiveJudge(detector, Calibration.from_json(learned["calibration"]))
        if learned is not None:
            log.warning("the state was calibrated for %s: it is calibrated anew", learned["asked"])
        judge = LiveJudge.learn(detector, units, self._past_scores(stream))
        stream.notes["learned"] = {"asked": asked, "calibration": judge.calibration.to_json()}
        return judge

    def _past_scores(self, stream: Stream) -> StreamScores:
        """Scores of the newest steps that a stream has, each by those before it, as new ones will be."""
        values = stream.newest.series[:, -_CALIBRATED_ON:].numpy()
        first = max(self._model.config.patch_size, values.shape[1] // 4)
        first = max(first, int(np.isfinite(values).any(0).argmax()) + 1)  # a history holds a value
        again = Stream(
            self._model, values[:, :first], max_context=self._settings.context, one_step_ahead=True
        )
        return again.append(values[:, first:])


class _Misfits:
    """Counts rows that do not fit the steps of a stream; True is returned when there are too many.

    They need not follow each other directly: of steps that became half as long every second row fits. Of
    steps that became longer all fit, and leave equally many out.
    """

    def __init__(self) -> None:
        self._num = self._num_alike = 0
        self._last: int | None = None  # steps from row to row; None after one that did not fit

    def add(self) -> bool:
        """Count a row that does not fit."""
        self._num, self._num_alike, self._last = self._num + 1, 0, None
        return self._num >= _TOLERATED

    def add_fit(self, num_steps: int) -> bool:
        """Count a row that lies as many steps after the one before."""
        if self._last is not None:
            self._num = 0
        self._num_alike = 0 if num_steps == 1 else self._num_alike + 1 if num_steps == self._last else 1
        self._last = num_steps
        return self._num_alike >= _TOLERATED


def _is_later(row: Row, before: Row) -> bool:
    return isinstance(row.time, float) == isinstance(before.time, float) and bool(row.time > before.time)


def _num_known(values: Float[np.ndarray, " rows"]) -> int:
    """Values behind the first quarter of the rows."""
    return int(np.isfinite(values[len(values) // 4 :]).sum())
