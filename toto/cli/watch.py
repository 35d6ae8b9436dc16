"""`toto watch`: rows in, one after the other; alarms out."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from toto.anomaly.calibration import Unit, units_of
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.rate import false_alarms_per_step
from toto.cli.live_judge import LiveJudge
from toto.cli.live_rows import LiveRows, Row
from toto.errors import InputError
from toto.inference.compilation import RuntimeSettings
from toto.model.toto import Toto
from toto.streaming.scores import StreamScores
from toto.streaming.stream import Stream

log = logging.getLogger(__name__)

_PATCHES_TO_BEGIN = 4  # of rows, before which there is too little to compare with
_CALIBRATED_ON = 4096  # newest steps of a history
_SAVED_EVERY = 100  # rows
_TOLERATED = 10  # rows in a row that do not fit, after which watching begins anew
_LEAST_SIZE = 1e-30  # of a unit
_COVERAGE = 0.99  # of the interval that alarms show


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
    """Watch rows until they end; `show` gets every alarm as a line of JSON.

    Raises:
        InputError: a detector or a rate that is none, a model of quantiles, or a history that cannot be
            read or is too short.
        CheckpointError: no such model, or a file of state that is none.
    """
    if settings.detector not in DETECTORS:  # what is wrong is said before anything else
        raise InputError(f"--detector must be one of {', '.join(DETECTORS)}, got {settings.detector!r}")
    false_alarms_per_step(settings.false_alarms, 1e-9)
    model = settings.runtime.load(settings.model)
    if not isinstance(model, Toto):
        raise InputError(f"--model {settings.model}: models of quantiles keep no stream; use toto detect")
    watcher = Watcher(model, settings, show)
    try:
        watcher.watch(lines)
    except KeyboardInterrupt:
        pass
    finally:
        watcher.save()


class Watcher:
    """Takes rows; collects the first ones unless there is a state or a history, and then compares."""

    def __init__(self, model: Toto, settings: WatchSettings, show: Callable[[str], None]) -> None:
        self._model = model
        self._settings = settings
        self._show = show
        self._collected: list[Row] = []
        self._watched: _Watched | None = None
        self._num_unfit = 0
        if settings.state is not None and settings.state.is_file():
            self._watched = self._go_on(settings.state)
        elif settings.history is not None:
            self._watched = self._begin_with_file(settings.history)

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
        try:
            alarm = self._watched.take(row)
        except InputError as error:
            self._report_unfit(row, error)
            return
        self._num_unfit = 0
        if alarm is not None:
            self._show(json.dumps(alarm))
        if self._watched.stream.num_steps % _SAVED_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Write the state, if there is a file for it."""
        if self._settings.state is not None and self._watched is not None:
            self._watched.stream.save(self._settings.state)

    def _collect(self, row: Row) -> None:
        needed = _PATCHES_TO_BEGIN * self._model.config.patch_size
        if not self._collected:
            log.warning("collecting %d rows to begin with", needed)
        if not self._collected or row.time > self._collected[-1].time:
            self._collected.append(row)
        if len(self._collected) == needed:
            rows, self._collected = self._collected, []
            self._watched = self._begin(rows)

    def _report_unfit(self, row: Row, error: InputError) -> None:
        log.warning("the row of %s is left out: %s", row.text, error)
        self._num_unfit += 1
        if self._num_unfit >= _TOLERATED:
            log.warning("%d rows in a row did not fit: watching begins anew", self._num_unfit)
            self._num_unfit, self._watched = 0, None

    def _go_on(self, state: Path) -> "_Watched":
        stream = Stream.load(state, self._model)
        columns = stream.notes["columns"]
        if self._settings.columns not in (None, columns):
            raise InputError(
                f"{state} watches {','.join(columns)}: give these as --columns, or another --state"
            )
        return self._watch(stream, columns, [Unit(*numbers) for numbers in stream.notes["units"]])

    def _begin_with_file(self, file: Path) -> "_Watched":
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                rows = list(self._readable(lines, f"{file}, "))
        except FileNotFoundError:
            raise InputError(f"{file}: no such file; check the path") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read as text: {error}") from error
        if not rows:
            raise InputError(f"{file}: no row of values; the history must hold some")
        return self._begin(rows)

    def _begin(self, rows: Sequence[Row]) -> "_Watched":
        columns = self._settings.columns or list(rows[0].values)
        values = np.array([[row.values.get(name, math.nan) for row in rows] for name in columns])
        units = [_usable(unit) for unit in units_of(values, None)]
        scaled = np.stack([(row - unit.centre) / unit.size for row, unit in zip(values, units, strict=True)])
        times = np.array([row.time for row in rows])
        stream = Stream(self._model, scaled, times, max_context=self._settings.context, one_step_ahead=True)
        stream.notes.update(columns=columns, units=[[u.centre, u.size, u.floor] for u in units])
        return self._watch(stream, columns, units)

    def _watch(self, stream: Stream, columns: Sequence[str], units: Sequence[Unit]) -> "_Watched":
        assert stream.clock is not None
        detector = DETECTORS[self._settings.detector](
            self._model,
            self._settings.false_alarms,
            interval_seconds=stream.clock.interval_seconds,
            cool_down=self._settings.cool_down,
        )
        judge = LiveJudge(detector, units, self._past_scores(stream))
        log.info("watching %s every %g s", ", ".join(columns), stream.clock.interval_seconds)
        return _Watched(stream, columns, units, judge)

    def _past_scores(self, stream: Stream) -> StreamScores:
        """Scores of the newest steps that a stream has, each by those before it, as new ones will be."""
        values = stream.newest.series[:, -_CALIBRATED_ON:].numpy()
        first = max(self._model.config.patch_size, values.shape[1] // 4)
        first = max(first, int(np.isfinite(values).any(0).argmax()) + 1)  # a history holds a value
        again = Stream(
            self._model, values[:, :first], max_context=self._settings.context, one_step_ahead=True
        )
        return again.append(values[:, first:])


class _Watched(NamedTuple):
    """A stream, in the units in which the model sees it, and who judges it."""

    stream: Stream
    columns: Sequence[str]
    units: Sequence[Unit]
    judge: LiveJudge

    def take(self, row: Row) -> dict[str, Any] | None:
        """Append a row; the alarm that it begins, if it does."""
        values = [row.values.get(name, math.nan) for name in self.columns]
        scaled = [(value - unit.centre) / unit.size for value, unit in zip(values, self.units, strict=True)]
        scores = self.stream.append(np.array([scaled]).T, [row.time], late="drop")
        if (
            scores.values.shape[-1] != 1
        ):  # none, or the first after a gap, of which the prediction knew nothing
            return None
        verdict = self.judge.judge(scores)
        if verdict is None:
            return None
        low, high = (end[0, :, -1].tolist() for end in scores.interval(_COVERAGE))
        blamed = [
            {
                "column": self.columns[place],
                "value": values[place],
                "expected": [_short(unit.centre + unit.size * end) for end in (low[place], high[place])],
            }
            for place, unit in ((place, self.units[place]) for place in verdict.variates)
        ]
        return {
            "time": row.text,
            "score": _short(verdict.score),
            "threshold": _short(self.judge.threshold),
            "columns": blamed,
        }


def _usable(unit: Unit) -> Unit:
    """A column that was 0 throughout has no unit of its own: it gets that of a constant 1."""
    return unit if unit.size > _LEAST_SIZE else Unit(unit.centre, 1e-3, 1e-4)


def _short(number: float) -> float:
    return float(f"{number:.4g}")
