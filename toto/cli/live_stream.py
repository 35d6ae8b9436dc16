"""A stream that is watched, of named columns: rows go in, alarms come out as what JSON holds."""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from toto.alarms.watched_streams import WatchedStreams
from toto.anomaly.detector import Detector
from toto.cli.live_rows import Row
from toto.errors import InputError
from toto.streaming.clock import Clock

log = logging.getLogger(__name__)

_FEWEST = 20  # values of a column behind the first quarter of a history


class LiveStream:
    """The only stream of `streams`, and what its variates are called."""

    def __init__(self, streams: WatchedStreams, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._streams = streams

    @classmethod
    def begin(
        cls,
        model: Any,
        rows: Sequence[Row],
        columns: Sequence[str] | None,
        detector: Callable[[float], Detector],
        max_context: int,
    ) -> "LiveStream":
        """A stream that begins with rows of the past.

        Args:
            columns: None: all that rows have.
            detector: makes one for steps of so many seconds.

        Raises:
            InputError: rows with dates and with numbers for time, or too few values.
        """
        if len({isinstance(row.time, float) for row in rows}) > 1:
            raise InputError("times must be all dates or all numbers, got both")
        found = _with_values(
            rows, columns or list(dict.fromkeys(name for row in rows for name in row.values))
        )
        values, times = np.stack(list(found.values())), np.array([row.time for row in rows])
        detectors = {None: detector(Clock.of(times).interval_seconds)}
        streams = WatchedStreams.begin(
            model, {None: values}, {None: times}, detectors, max_context=max_context
        )
        return cls(streams, list(found))

    @classmethod
    def load(cls, file: Path, model: Any, detector: Callable[[float], Detector]) -> "LiveStream":
        """The stream that `save` wrote; unless such a detector was asked for then, it is calibrated anew.

        Raises:
            CheckpointError: not a file of streams.
            InputError: another one, or a model of other patches.
        """
        streams = WatchedStreams.load(file, model)
        if "columns" not in streams.group.notes:
            raise InputError(f"{file} holds a stream that toto watch did not save: give another --state")
        live = cls(streams, streams.group.notes["columns"])
        asked, had = detector(live.interval_seconds), streams.judges[None].detector
        if (asked.kind, asked.rate, asked.rule) != (had.kind, had.rate, had.rule):
            log.warning("%s was calibrated for %s: it is calibrated anew", file, _in_words(had))
            streams.calibrate({None: asked})
        return live

    @property
    def interval_seconds(self) -> float:
        """The length of a step."""
        return self._clock.interval_seconds

    @property
    def num_steps(self) -> int:
        """Steps so far."""
        return self._streams.group.num_steps(None)

    def steps_ahead(self, row: Row) -> int:
        """Steps from the newest one to a row; none, or less, to one that is late.

        Raises:
            InputError: its time does not fit the stream.
        """
        return int(self._clock.follow([row.time], self.num_steps - 1)[0][0]) - self.num_steps + 1

    def take(self, row: Row) -> dict[str, Any] | None:
        """Append a row; the alarm that begins with it, if one does.

        Raises:
            InputError: its time does not fit the stream.
        """
        values = np.array([[row.values.get(name, math.nan)] for name in self.columns])
        arrived = self._streams.append({None: values}, {None: [row.time]}, late="drop")[None]
        if not arrived.judged.alarms:  # of several steps the row is the last, behind a gap
            return None
        step, variates = arrived.judged.alarms[-1]
        blamed = [
            {
                "column": self.columns[place],
                "value": float(values[place, 0]),
                "expected": [_short(end[place, step]) for end in (arrived.low, arrived.high)],
            }
            for place in variates
        ]
        score, threshold = _short(arrived.judged.scores[step]), _short(arrived.threshold)
        return {"time": row.text, "score": score, "threshold": threshold, "columns": blamed}

    def save(self, file: Path, header: list[str] | None) -> None:
        """Write the stream and what was learnt to a file, with the header of its rows if they have one."""
        self._streams.group.notes |= {"columns": self.columns, "header": header}
        self._streams.save(file)

    @property
    def header(self) -> list[str] | None:
        """The header that was saved."""
        return self._streams.group.notes.get("header")

    @property
    def _clock(self) -> Clock:
        clock = self._streams.group.clock(None)
        assert clock is not None  # it began with times
        return clock


def _with_values(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, Float[np.ndarray, " rows"]]:
    """The columns that have enough values to learn from.

    Raises:
        InputError: none has.
    """
    found = {name: np.array([row.values.get(name, math.nan) for row in rows]) for name in columns}
    enough = {
        name: values
        for name, values in found.items()
        if np.isfinite(values[len(values) // 4 :]).sum() >= _FEWEST
    }
    if not enough:
        raise InputError(
            f"rows must hold at least {_FEWEST} observed steps of a column behind their first quarter to "
            f"calibrate on, got {len(rows)} rows of {', '.join(found)}: give more of them"
        )
    for name in found:
        if name not in enough:
            log.warning("column %s is left out: it has too few values in %d rows", name, len(rows))
    return enough


def _in_words(detector: Detector) -> str:
    return f"{detector.kind}, {detector.rate:.3g} alarms a step, cool-down {detector.rule.cool_down}"


def _short(number: float) -> float:
    return float(f"{number:.4g}")
