"""Alarms under their names, and a frame of all steps that arrived."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from toto.alarms.watched_streams import Arrived
from toto.data.forecast_frame import FrameKind
from toto.data.history_frame import history_frame
from toto.data.regular_series import RegularSeries


@dataclass(frozen=True)
class Blamed:
    """A variate that an alarm is put down to: its value, and the interval that was expected to hold it.

    name: of its column; of a long frame the id of its series; of arrays its place.
    """

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Alarm:
    """A step that is stranger than the past is at the asked rate.

    time: its stamp, as the clock of the data shows it, or the number of the step.
    score: decades by which it is rare: 3 is once in 1000. threshold: what the score exceeds.
    variates: those to blame, the strangest first.
    """

    time: Any
    score: float
    threshold: float
    variates: tuple[Blamed, ...]


class Alarms(Sequence[Alarm]):
    """The alarms that began with the steps of one call, by time; `to_frame` shows all of these steps.

    Args:
        arrived: the steps of every series that went on.
        series: their names and time stamps.
        kind: of the frame.
    """

    def __init__(
        self, arrived: Mapping[Any, Arrived], series: Mapping[Any, RegularSeries], kind: FrameKind
    ) -> None:
        self._arrived, self._series, self._kind = arrived, series, kind
        found = [one for key in arrived for one in self._alarms_of(key)]
        self._alarms = [alarm for _, alarm in sorted(found, key=lambda one: one[0])]

    def to_frame(self) -> Any:
        """One row per variate and step that arrived, in a frame of the kind that was given.

        Columns: id and time under their own names (`variate` beside the time of a wide frame); `value`;
        `score` of all variates that see each other, NaN for a step that was not judged, and its `threshold`;
        the interval `low` to `high` that was to hold the value; `alarm`, True where one began that this
        variate is to blame for.

        Raises:
            InputError: a column of the data has one of these names.
        """
        columns = [_columns(one) for one in self._arrived.values()]
        return history_frame(list(self._series.values()), columns, self._kind)

    def _alarms_of(self, key: Hashable) -> Iterator[tuple[Any, Alarm]]:
        """The alarms of a series, each with its moment in UTC."""
        one, labels = self._arrived[key], self._series[key].labels
        times, moments = self._series[key].times(), self._series[key].times_utc()
        for step, variates in one.judged.alarms:
            blamed = tuple(
                Blamed(labels[v], *(float(t[v, step]) for t in (one.values, one.low, one.high)))
                for v in variates
            )
            score = float(one.judged.scores[step])
            yield moments[step], Alarm(_plain(times[step]), score, one.threshold, blamed)

    def __getitem__(self, place: Any) -> Any:
        return self._alarms[place]

    def __iter__(self) -> Iterator[Alarm]:
        return iter(self._alarms)

    def __len__(self) -> int:
        """The number of alarms."""
        return len(self._alarms)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        steps = sum(one.values.shape[1] for one in self._arrived.values())
        return f"Alarms({len(self)} in {steps} steps of {len(self._arrived)} series)"


def _plain(stamp: Any) -> Any:
    """A number of numpy as one of Python; dates stay."""
    return stamp if isinstance(stamp, np.datetime64) else stamp.item()


def _columns(one: Arrived) -> dict[str, Shaped[np.ndarray, "variates _steps"]]:
    shape = one.values.shape
    began = np.zeros(shape, dtype=bool)
    for step, variates in one.judged.alarms:
        began[variates, step] = True
    return {
        "value": one.values,
        "score": np.broadcast_to(one.judged.scores, shape),
        "threshold": np.full(shape, one.threshold),
        "low": one.low,
        "high": one.high,
        "alarm": began,
    }
