"""When an arrived step is an alarm: as strange as the past is seldom enough, by the scores of that past."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from toto.anomaly.calibration import Unit
from toto.anomaly.combine import to_blame
from toto.anomaly.detector import Detector
from toto.anomaly.detectors import detector_from_json
from toto.anomaly.scores import Scores


class Verdict(NamedTuple):
    """A step at which an alarm begins.

    step: its place among those that were judged. variates: those to blame, the strangest first.
    """

    step: int
    variates: list[int]


class Judged(NamedTuple):
    """The score of every step, in decades by which it is rare, NaN where there is none; and the alarms."""

    scores: Float[np.ndarray, " steps"]
    alarms: list[Verdict]


class Judge:
    """Judges the steps of one stream as a detector judges a history; all variates are one group.

    A step behind one without any value is not judged. A variate that is to blame again within its cool-down
    is no news, and no alarm begins without news.

    Args:
        detector: fitted on the past of the stream.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.units = detector.fitted().units
        self._blamed_at = np.full(len(self.units), -np.inf)  # the last such step of each variate
        self._num_strange = 0  # steps in a row, up to the newest
        self._after_gap = False

    @classmethod
    def learn(cls, detector: Detector, units: Sequence[Unit], past: Scores) -> "Judge":
        """Who judges by the past.

        Args:
            detector: with the wanted rate; it is fitted here.
            units: in which the variates of the stream were given to it.
            past: scores of past steps, made in the way in which those to come will be.

        Raises:
            InputError: fewer than 20 scored steps of a variate.
        """
        scored = _without(past, _behind_gaps(past, False))
        detector.calibration = detector.learn(scored, tuple(units), (0,) * len(units))
        return cls(detector)

    @property
    def threshold(self) -> float:
        """What the score of an alarm exceeds."""
        return self.detector.fitted().thresholds[0]

    def judge(self, scores: Scores, first: int) -> Judged:
        """The steps that follow those judged before, the first of which is number `first` of the stream."""
        calibration, rule = self.detector.fitted(), self.detector.rule
        scored = _without(scores, _behind_gaps(scores, self._after_gap))
        log10_p = self.detector.log10_probability(scored, calibration)
        combined = self.detector.combined(log10_p, calibration)[0]
        alarms = []
        for place, is_strange in enumerate(combined > self.threshold):
            self._num_strange = self._num_strange + 1 if is_strange else 0
            if self._num_strange < rule.persistence:
                continue
            blamed = np.flatnonzero(to_blame(log10_p[:, place], -self.threshold))
            is_news = (first + place - self._blamed_at[blamed] > rule.cool_down + 1).any()
            self._blamed_at[blamed] = first + place
            if is_news:
                alarms.append(Verdict(place, blamed[np.argsort(log10_p[blamed, place])].tolist()))
        if len(combined):
            self._after_gap = bool(scores.values[0, :, -1].isnan().all())
        return Judged(combined, alarms)

    def to_json(self) -> dict[str, Any]:
        """What was learned, and what is known of alarms that go on."""
        blamed_at = [int(step) if np.isfinite(step) else None for step in self._blamed_at]
        memory = {"blamed_at": blamed_at, "num_strange": self._num_strange, "after_gap": self._after_gap}
        return self.detector.to_json() | memory

    @classmethod
    def from_json(cls, found: dict[str, Any], model: Any) -> "Judge":
        """What `to_json` gave."""
        judge = cls(detector_from_json(found, model))
        judge._blamed_at = np.array([-np.inf if step is None else step for step in found["blamed_at"]], float)
        judge._num_strange, judge._after_gap = found["num_strange"], found["after_gap"]
        return judge


def _behind_gaps(scores: Scores, after_gap: bool) -> Bool[np.ndarray, " steps"]:
    """True behind a step without any value; `after_gap` tells whether there is one before the first."""
    missing = scores.values[0].isnan().all(0).numpy()
    return np.concatenate([[after_gap], missing])[: len(missing)]


def _without(scores: Scores, left_out: Bool[np.ndarray, " steps"]) -> Scores:
    return replace(scores, values=scores.values.masked_fill(torch.from_numpy(left_out), torch.nan))
