"""Detectors: alarms at a wanted rate, from how a model judges each step before it is seen."""

import json
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex

import numpy as np
import torch
from jaxtyping import Float

from toto.anomaly.calibrated_tail import CalibratedTail
from toto.anomaly.calibration import Calibration, Unit, as_seen, in_units, out_of_units, units_of
from toto.anomaly.combine import COMBINATIONS, to_blame
from toto.anomaly.detection import Detection, Event
from toto.anomaly.events import Rule
from toto.anomaly.inputs import ascending_times, one_series, open_coverage, real_number
from toto.anomaly.rate import false_alarms_per_step
from toto.anomaly.score import score
from toto.anomaly.scores import Scores
from toto.anomaly.weights import weights_of
from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.arguments import count, one_of, whole_number

Values = Float[np.ndarray, "variates time"]
Statistic = Float[torch.Tensor, "variates time"]

VERSION = 2  # of the files
_WARM_UP = 0.25  # share of a clean stretch that only gives context: the model errs more while it knows little
_DIRECTIONS = ("both", "above", "below")


class Detector(ABC):
    """What all detectors share; they differ in the `statistic` that tells how strange a value is.

    `fit` on a stretch without anomalies learns how large the statistic gets there, so that afterwards a wrong
    prediction of the model's costs power, not false alarms. `detect` scores a history, at every step with
    knowledge of earlier steps alone. The variates of a series form groups (`MaskedTimeseries.id_mask`): one
    group has one score.

    Args:
        model: a `Toto`, its backbone or a `TotoForecaster`.
        false_alarms: wanted rate on clean data: "1/week", "1/5000 steps", or the share of steps. It counts
            events, of all groups together.
        interval_seconds: seconds of a step; needed for rates per time.
        combine: how the variates of a group become one score: "simes" (one is enough) or "fisher" (many a
            little).
        direction: "above" or "below" alarms only at values on that side of what was expected.
        persistence: steps in a row that must be strange.
        cool_down: quiet steps within which the next alarm still belongs to the same event.
        floor: the least deviation from the median that counts, in units (None: a hundredth of the standard
            deviation of the clean stretch; of the level, if it is constant).
        max_steps_ahead, context_length, coverage: as in `score`.

    Raises:
        InputError: an argument that breaks a rule; the message names it.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        model: Any,
        false_alarms: str | float = "1/1000 steps",
        *,
        interval_seconds: float | int | None = None,
        combine: str = "simes",
        direction: str = "both",
        persistence: SupportsIndex = 1,
        cool_down: SupportsIndex = 10,
        floor: float | int | None = None,
        max_steps_ahead: SupportsIndex | None = None,
        context_length: SupportsIndex = 4096,
        coverage: float = 0.99,
    ) -> None:
        quiet = whole_number(cool_down)
        if quiet is None or quiet < 0:
            raise InputError(f"cool_down must be a whole number of at least 0, got {cool_down!r}")
        least = None if floor is None else real_number(floor)
        if floor is not None and (least is None or not least >= 0):
            raise InputError(f"floor must be at least 0, in the units of the series, got {floor!r}")
        self.model = model
        self.rate = false_alarms_per_step(false_alarms, interval_seconds)
        self.combine = one_of("combine", combine, tuple(COMBINATIONS))
        self.direction = one_of("direction", direction, _DIRECTIONS)
        self.rule = Rule(count("persistence", persistence), quiet)
        self.floor = least
        self.max_steps_ahead = None if max_steps_ahead is None else count("max_steps_ahead", max_steps_ahead)
        self.context_length = count("context_length", context_length)
        self.coverage = open_coverage(coverage)
        self.calibration: Calibration | None = None
        self.weights: str | None = None  # of a calibration from a file: with which it was made

    @abstractmethod
    def statistic(self, scores: Scores) -> Float[torch.Tensor, "batch variates time"]:
        """How strange every value is: any number that grows with it; NaN where there is none."""

    def fit(self, series: Any) -> "Detector":
        """Calibrate on a stretch without anomalies; returns the detector.

        Args:
            series: [time] or [variates, time] in anything that `MaskedTimeseries.from_array` takes, or a
                `MaskedTimeseries`; NaN is missing. Its first quarter only gives context.

        Raises:
            InputError: a batch, a variate without values, or fewer than 20 steps to calibrate on.
        """
        self._fit(one_series(series), None)
        return self

    def detect(self, series: Any, times: Any = None) -> Detection:
        """Score a history and find its events; the first patch has no past and no score.

        Args:
            series: as in `fit`, with the same variates. Give some history before the steps of interest, for
                instance the clean stretch itself: it is context.
            times: ascending stamps of the steps, for the pictures and tables of the result.

        Raises:
            InputError: the detector is not fitted, or on other variates, or stamps that do not ascend.
        """
        calibration = self.fitted()
        one = one_series(series)
        if one.series.shape[0] != len(calibration.units):
            raise InputError(
                f"series must have the {len(calibration.units)} variates that the detector was fitted on, "
                f"got {one.series.shape[0]}"
            )
        stamps = ascending_times(times, one.series.shape[-1])
        return self._judge(self._score(one, calibration), _values(one), calibration, stamps)

    def fit_detect(self, series: Any, num_clean: SupportsIndex, times: Any = None) -> Detection:
        """`fit` on the first `num_clean` steps and `detect` in the whole history, in one pass.

        Scores never see the future, so the result is that of the two calls.
        """
        one, clean = one_series(series), count("num_clean", num_clean)
        if clean > one.series.shape[-1]:
            raise InputError(
                f"num_clean must be at most the {one.series.shape[-1]} steps of series, got {clean}"
            )
        stamps = ascending_times(times, one.series.shape[-1])
        scores = self._fit(one, clean)
        return self._judge(scores, _values(one), self.fitted(), stamps)

    def learn(self, scores: Scores, units: tuple[Unit, ...], group_ids: tuple[int, ...]) -> Calibration:
        """What to hold later scores to, from those of a clean stretch; `fit` keeps it, this does not.

        Args:
            scores: of one series, in its units.
            units: in which the variates were given to the model.
            group_ids: of the variates.

        Raises:
            InputError: fewer than 20 scored steps of a variate.
        """
        learned = Calibration(units, (), group_ids, ())
        strangeness = self._strangeness(scores, learned)
        learned = replace(learned, tails=tuple(CalibratedTail.fit(row) for row in strangeness))
        combined = self.combined(self.log10_probability(scores, learned), learned)
        thresholds = tuple(self.rule.threshold(row, self.rate / len(combined)) for row in combined)
        return replace(learned, thresholds=thresholds)

    def log10_probability(self, scores: Scores, calibration: Calibration) -> Values:
        """How rare values so strange are on the clean stretch, of every variate; NaN without a score."""
        rows = zip(calibration.tails, self._strangeness(scores, calibration), strict=True)
        return np.stack([tail.log10_probability(row) for tail, row in rows])

    def combined(self, log10_p: Values, calibration: Calibration) -> Float[np.ndarray, "groups time"]:
        """The scores of the groups: minus the logarithm of the probability of all variates together."""
        groups, combine = calibration.groups, COMBINATIONS[self.combine]
        return np.stack([-combine(log10_p[groups == group]) for group in range(groups.max() + 1)])

    def to_json(self) -> dict[str, Any]:
        """The options and what was learned, as plain values; the model is not in it.

        Raises:
            InputError: the detector is not fitted.
        """
        options = {
            "false_alarms": self.rate,
            "combine": self.combine,
            "direction": self.direction,
            "persistence": self.rule.persistence,
            "cool_down": self.rule.cool_down,
            "floor": self.floor,
            "max_steps_ahead": self.max_steps_ahead,
            "context_length": self.context_length,
            "coverage": self.coverage,
        }
        return {"kind": self.kind, "options": options, "calibration": self.fitted().to_json()}

    def save(self, path: str | Path) -> None:
        """Write the options and what was learned to a JSON file; of the model only which weights it has.

        Raises:
            InputError: the detector is not fitted, or no file can be written there.
        """
        learned = self.to_json()
        content = {"version": VERSION, "weights": self.weights or weights_of(self.model)} | learned
        try:
            Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: the detector cannot be written there: {error}") from error

    def fitted(self) -> Calibration:
        """What was learned.

        Raises:
            InputError: nothing yet.
        """
        if self.calibration is None:
            raise InputError("the detector is not fitted: call fit with a stretch without anomalies first")
        return self.calibration

    def _fit(self, series: MaskedTimeseries, num_clean: int | None) -> Scores:
        """Calibrate on the first steps (None: all) of a series; returns the scores of all of it."""
        length = series.series.shape[-1] if num_clean is None else num_clean
        clean, settled = slice(length), slice(int(_WARM_UP * length), length)
        values = _values(series)
        ids = series.id_mask[:, -1].tolist()
        ids = [int(i) for i in (ids if len(ids) == len(values) else ids * len(values))]
        learned = Calibration(units_of(values[:, clean], self.floor), (), tuple(ids), ())
        scores = self._score(series, learned)
        self.calibration = self.learn(scores.steps(settled), learned.units, learned.group_ids)
        self.weights = None
        return scores

    def _score(self, series: MaskedTimeseries, calibration: Calibration) -> Scores:
        """The scores of a series, in the units of the model, which is not shown all that is huge."""
        scaled = in_units(_values(series), calibration.units)
        observed, ids = torch.from_numpy(np.isfinite(scaled)), series.id_mask.cpu()
        judged, shown = (
            series._replace(
                series=torch.from_numpy(np.nan_to_num(values)), padding_mask=observed, id_mask=ids
            )
            for values in (scaled, as_seen(scaled))
        )
        return score(
            self.model,
            judged,
            max_steps_ahead=self.max_steps_ahead,
            context_length=self.context_length,
            coverage=self.coverage,
            shown=shown,
        ).cpu()

    def _strangeness(self, scores: Scores, calibration: Calibration) -> Values:
        """The statistic where a deviation is large enough and in the direction asked for; elsewhere 0."""
        deviation = (scores.values - scores.median)[0]
        least = torch.tensor([[unit.floor / unit.size] for unit in calibration.units])
        counts = deviation.abs() > least
        if self.direction != "both":
            counts &= (deviation > 0) == (self.direction == "above")
        found = torch.where(counts, self.statistic(scores)[0].clamp(min=0), 0.0)
        return torch.where(deviation.isnan(), torch.nan, found).double().numpy()

    def _judge(self, scores: Scores, values: Values, calibration: Calibration, times: Any) -> Detection:
        low, median, high = (
            out_of_units(getattr(scores, name)[0].double().numpy(), calibration.units)
            for name in ("low", "median", "high")
        )
        log10_p = self.log10_probability(scores, calibration)
        found = Detection(
            values,
            low,
            median,
            high,
            log10_p,
            self.combined(log10_p, calibration),
            np.array(calibration.thresholds),
            calibration.groups,
            (),
            self.coverage,
            times,
        )
        events = (event for group in range(len(found.thresholds)) for event in self._events(found, group))
        return replace(found, events=tuple(sorted(events, key=lambda event: (event.alarm, event.group))))

    def _events(self, found: Detection, group: int) -> list[Event]:
        """The events of one group."""
        events, members = [], np.flatnonzero(found.groups == group)
        scores, threshold = found.scores[group], found.thresholds[group]
        for start, end, alarm in self.rule.runs(scores, float(threshold)):
            peak = start + int(np.nanargmax(scores[start : end + 1]))
            log10_p = found.log10_probability[members, peak]
            blamed = members[to_blame(log10_p, -float(threshold))]
            blamed = blamed[np.argsort(found.log10_probability[blamed, peak])]
            value, low, high = (float(t[blamed[0], peak]) for t in (found.values, found.low, found.high))
            severity, variates = float(scores[peak]), tuple(blamed.tolist())
            events.append(Event(start, end, alarm, peak, severity, group, variates, value, low, high))
        return events


def _values(series: MaskedTimeseries) -> Values:
    """Values in units, NaN where missing."""
    return torch.where(series.padding_mask.bool(), series.series, torch.nan).double().cpu().numpy()
