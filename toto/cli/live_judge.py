"""When a live step is an alarm: as strange as the past is seldom enough, by the scores of that past."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toto.anomaly.calibration import Calibration, Unit
from toto.anomaly.combine import to_blame
from toto.anomaly.detector import Detector
from toto.anomaly.scores import Scores
from toto.streaming.scores import StreamScores


class Verdict(NamedTuple):
    """A step that is an alarm.

    score: decades by which it is rare. variates: those to blame, the strangest first.
    """

    score: float
    variates: list[int]


class LiveJudge:
    """Judges steps as a detector judges a history, one after the other; all variates are one group.

    Args:
        detector: with the wanted rate; a variate that is to blame again within its cool-down is no news.
        calibration: what it learned from the past of the stream.
    """

    def __init__(self, detector: Detector, calibration: Calibration) -> None:
        self._detector = detector
        self.calibration = calibration
        self._blamed_at = np.full(len(calibration.units), -np.inf)  # the last such step of each variate

    @classmethod
    def learn(cls, detector: Detector, units: Sequence[Unit], past: StreamScores) -> "LiveJudge":
        """Who judges by the past.

        Args:
            detector: see above.
            units: in which the variates of the stream were given to it.
            past: scores of past steps, made in the way in which those to come will be.

        Raises:
            InputError: fewer than 20 scored steps of a variate.
        """
        scores = _as_scores(past, detector.coverage)
        after_gap = np.isnan(scores.values[0].numpy()).all(0)[:-1]  # where live steps are not judged either
        scores.values[0, :, 1:][:, after_gap] = np.nan
        return cls(detector, detector.learn(scores, tuple(units), (0,) * len(units)))

    @property
    def threshold(self) -> float:
        """The least score of an alarm."""
        return self.calibration.thresholds[0]

    def judge(self, scores: StreamScores, step: int) -> Verdict | None:
        """The alarm that the last step of `scores` begins: in a variate that was quiet before.

        `step` is its number in the stream.
        """
        last = _as_scores(scores, self._detector.coverage).steps(slice(-1, None))
        log10_p = self._detector.log10_probability(last, self.calibration)
        score = float(self._detector.combined(log10_p, self.calibration)[0, 0])
        if not score > self.threshold:  # NaN without any value
            return None
        blamed = np.flatnonzero(to_blame(log10_p[:, 0], -self.threshold))
        is_news = (step - self._blamed_at[blamed] > self._detector.rule.cool_down + 1).any()
        self._blamed_at[blamed] = step
        return Verdict(score, blamed[np.argsort(log10_p[blamed, 0])].tolist()) if is_news else None


def _as_scores(scores: StreamScores, coverage: float) -> Scores:
    """Scores of one stream as those of a history."""
    low, median, high = scores.distribution.quantile([(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
    fields = (scores.values, scores.log_prob, scores.surprise, scores.lower_tail, scores.upper_tail)
    return Scores(*fields, low, median, high, scores.steps_ahead[0], coverage).cpu()
