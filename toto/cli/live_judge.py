"""When a live step is an alarm: as strange as the past is seldom enough, by the scores of that past."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toto.anomaly.calibration import Unit
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
        units: in which the variates of the stream were given to it.
        past: scores of past steps, made in the way in which those to come will be.

    Raises:
        InputError: fewer than 20 scored steps of a variate.
    """

    def __init__(self, detector: Detector, units: Sequence[Unit], past: StreamScores) -> None:
        self._detector = detector
        scores = _as_scores(past, detector.coverage)
        after_gap = np.isnan(scores.values[0].numpy()).all(0)[:-1]  # where live steps are not judged either
        scores.values[0, :, 1:][:, after_gap] = np.nan
        self._calibration = detector.learn(scores, tuple(units), (0,) * len(units))
        self._quiet = np.full(len(units), np.inf)  # steps since each variate was to blame

    @property
    def threshold(self) -> float:
        """The least score of an alarm."""
        return self._calibration.thresholds[0]

    def judge(self, scores: StreamScores) -> Verdict | None:
        """The alarm that the last step of `scores` begins: in a variate that was quiet before."""
        last = _as_scores(scores, self._detector.coverage).steps(slice(-1, None))
        log10_p = self._detector.log10_probability(last, self._calibration)
        score = float(self._detector.combined(log10_p, self._calibration)[0, 0])
        self._quiet += 1
        if not score > self.threshold:  # NaN without any value
            return None
        blamed = np.flatnonzero(to_blame(log10_p[:, 0], -self.threshold))
        is_news = (self._quiet[blamed] > self._detector.rule.cool_down + 1).any()
        self._quiet[blamed] = 0
        return Verdict(score, blamed[np.argsort(log10_p[blamed, 0])].tolist()) if is_news else None


def _as_scores(scores: StreamScores, coverage: float) -> Scores:
    """Scores of one stream as those of a history."""
    low, median, high = scores.distribution.quantile([(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
    fields = (scores.values, scores.log_prob, scores.surprise, scores.lower_tail, scores.upper_tail)
    return Scores(*fields, low, median, high, scores.steps_ahead[0], coverage).cpu()
