"""Watched streams: values go in as they arrive, in units, and are judged by what is usual of their past."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from toto.alarms.judge import Judge, Judged
from toto.alarms.past import past_scores, scores_of_each
from toto.anomaly.calibration import Unit, as_seen, in_units, out_of_units, units_of
from toto.anomaly.detector import Detector
from toto.anomaly.scores import Scores
from toto.anomaly.weights import weights_of
from toto.errors import InputError
from toto.streaming.group import StreamGroup
from toto.streaming.member import History

log = logging.getLogger(__name__)

Values = Float[np.ndarray, "variates _steps"]


class Arrived(NamedTuple):
    """The steps of a stream that a call appended, in units.

    first: number of the first of them in the stream. values: as they came, NaN where missing.
    low, high: the interval that was expected to hold each, with the coverage of the detector.
    threshold: what the score of an alarm exceeds.
    """

    first: int
    values: Values
    low: Values
    high: Values
    threshold: float
    judged: Judged


class WatchedStreams:
    """Streams of a `StreamGroup`, of which each has a judge that learnt from its past.

    The model is shown every variate at a spread of 10, with what is huge cut off (`as_seen`): values that it
    would take for constant are told apart, and one that is wrong does not blind it for long.

    Args:
        group: one step ahead, of values in the units of the judges.
        judges: one for each stream.
    """

    def __init__(self, group: StreamGroup, judges: Mapping[Any, Judge]) -> None:
        self.group = group
        self.judges = dict(judges)

    @classmethod
    def begin(
        cls,
        model: Any,
        histories: Mapping[Any, Values],
        times: Mapping[Any, Any] | None,
        detectors: Mapping[Any, Detector],
        *,
        max_context: int,
    ) -> "WatchedStreams":
        """Streams that begin with their past, from which is learnt what is usual.

        Args:
            model: as for `StreamGroup`.
            histories: id -> [variates, time]; NaN is missing.
            times: id -> a time per step, for streams that are to be given times.
            detectors: id -> a detector that is not fitted.
            max_context: see `StreamGroup`.

        Raises:
            InputError: a history that breaks a rule, or is too short to learn from.
        """
        units, scaled, regular = {}, {}, {}
        for key, values in histories.items():
            units[key] = units_of(values, detectors[key].floor)
            scaled[key] = in_units(values, units[key])
            regular[key] = History.of(scaled[key], None if times is None else times[key]).values
            scaled[key] = as_seen(scaled[key])
        judges = _learn(model, detectors, units, regular, max_context)
        group = StreamGroup(model, max_context=max_context, one_step_ahead=True)
        group.add(scaled, times)
        return cls(group, judges)

    def calibrate(self, detectors: Mapping[Any, Detector]) -> None:
        """Learn anew what is usual, from the newest steps of every stream."""
        units = {key: judge.units for key, judge in self.judges.items()}
        newest = {key: self.group.values(key) for key in self.judges}
        self.judges = _learn(self.group.forecaster, detectors, units, newest, self.group.max_context)

    def append(
        self, values: Mapping[Any, Any], times: Mapping[Any, Any] | None = None, *, late: str = "raise"
    ) -> dict[Hashable, Arrived]:
        """Append the next steps of some streams, and judge them.

        Args:
            values: id -> [variates, steps], in units; NaN is missing.
            times, late: see `StreamGroup.append`.

        Raises:
            InputError: what `StreamGroup.append` refuses; nothing is appended then.
        """
        before = {key: (self.group.num_steps(key), self.group.clock(key)) for key in values}
        shown = {key: self._shown(key, given) for key, given in values.items()}
        scores = self.group.append(shown, times, late=late)
        taken = {}
        for row, (key, (first, clock)) in enumerate(before.items()):
            is_missing = scores.values[row, :, : self.group.num_steps(key) - first].isnan().cpu().numpy()
            stamps = None if times is None else times.get(key)
            places = None if clock is None or stamps is None else clock.follow(stamps, first - 1)[0] - first
            taken[key] = _as_given(values[key], places, is_missing)
        scaled = {key: in_units(given, self.judges[key].units) for key, given in taken.items()}
        return {
            key: self._judge(key, of_key, taken[key], before[key][0])
            for key, of_key in scores_of_each(scores, scaled, self.coverage).items()
        }

    def values(self, key: Hashable) -> Values:
        """The newest values of a stream, in units; what was cut off stays so."""
        return out_of_units(self.group.values(key), self.judges[key].units)

    def save(self, path: str | Path) -> None:
        """Write the streams and what was learnt to a file, without the model; see `StreamGroup.save`."""
        judges = [judge.to_json() for judge in self.judges.values()]
        self.group.notes |= {"judges": judges, "weights": self._weights}
        self.group.save(path)

    @classmethod
    def load(cls, path: str | Path, model: Any) -> "WatchedStreams":
        """The streams of a file, to go on with a model of the same patches.

        With other weights than it was learnt with, what is usual is learnt anew, as by `calibrate`.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: streams that nobody watched, or a model of other patches.
        """
        group = StreamGroup.load(path, model)
        if "judges" not in group.notes:
            raise InputError(
                f"{path} holds streams that nobody watched: begin with their values as the history"
            )
        found = zip(group.ids, group.notes["judges"], strict=True)
        watched = cls(group, {key: Judge.from_json(one, model) for key, one in found})
        if group.notes.get("weights") != watched._weights:
            log.warning("%s was calibrated with another model: it is calibrated anew", path)
            watched.calibrate({key: judge.detector for key, judge in watched.judges.items()})
        return watched

    @property
    def coverage(self) -> float:
        """Of the expected intervals."""
        return next(iter(self.judges.values())).detector.coverage

    @cached_property
    def _weights(self) -> str:
        """Which weights predict."""
        return weights_of(self.group.backbone)

    def _shown(self, key: Hashable, values: Values) -> Values:
        """What the model is shown of values."""
        units = self.judges[key].units
        if len(values) != len(units):
            raise InputError(f"values must be of {len(units)} variates, as the history, got {len(values)}")
        largest = np.fmax.reduce(abs(self.group.values(key)), axis=1, initial=0.0)
        return as_seen(in_units(values, units), largest)

    def _judge(self, key: Hashable, steps: Scores, values: Values, first: int) -> Arrived:
        judge = self.judges[key]
        low, high = (out_of_units(end[0].double().numpy(), judge.units) for end in (steps.low, steps.high))
        return Arrived(first, values, low, high, judge.threshold, judge.judge(steps, first))


def _learn(
    model: Any,
    detectors: Mapping[Any, Detector],
    units: Mapping[Any, Sequence[Unit]],
    histories: Mapping[Any, Values],
    max_context: int,
) -> dict[Hashable, Judge]:
    """A judge of every stream, from its past in units of the model."""
    coverage = next(iter(detectors.values())).coverage
    judges = {}
    for key, past in past_scores(model, histories, max_context, coverage).items():
        try:
            judges[key] = Judge.learn(detectors[key], units[key], past)
        except InputError as error:
            raise error if key is None else InputError(f"stream {key!r}: {error}") from error
    return judges


def _as_given(
    values: Values,
    places: Int[np.ndarray, " _points"] | None,
    is_missing: Bool[np.ndarray, "variates _steps"],
) -> Values:
    """Values as they came, at the steps that took them: what the model was shown may be cut off.

    places: the step of each value, some of which came too late; None: one after the other.
    """
    if places is not None:
        steps, points = np.unique(places, return_index=True)  # of a repeated step the first
        inside = (steps >= 0) & (steps < is_missing.shape[1])
        given = np.full(is_missing.shape, np.nan)
        given[:, steps[inside]] = values[:, points[inside]]
        values = given
    return np.where(is_missing, np.nan, values)
