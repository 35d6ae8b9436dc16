"""When a live step is an alarm: as strange as the past is seldom enough, by the scores of that past."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from toto.anomaly.calibrated_tail import CalibratedTail
from toto.anomaly.calibration import Unit
from toto.anomaly.combine import simes, to_blame
from toto.anomaly.events import Rule
from toto.streaming.scores import StreamScores

Strangeness = Float[np.ndarray, "variates steps"]


class Verdict(NamedTuple):
    """A step that is an alarm.

    score: decades by which it is rare. variates: those to blame, the strangest first.
    """

    score: float
    variates: list[int]


class LiveJudge:
    """Judges steps as `LikelihoodDetector` does, one after the other.

    Args:
        units: in which the variates of the stream were given to it.
        past: scores of past steps, made in the way in which those to come will be.
        rate: of false alarms, for each step.
        cool_down: quiet steps within which a further alarm is still the same one.
    """

    def __init__(self, units: Sequence[Unit], past: StreamScores, rate: float, cool_down: int) -> None:
        self._least = torch.tensor([unit.floor / unit.size for unit in units])[:, None]
        strangeness = self._strangeness(past)
        after_gap = np.isnan(strangeness).all(0)[:-1]  # where live steps are not judged either
        strangeness[:, 1:][:, after_gap] = np.nan
        self._tails = [CalibratedTail.fit(row) for row in strangeness]
        self._cool_down = cool_down
        self.threshold = Rule(1, cool_down).threshold(-simes(self._log10_probability(strangeness)), rate)
        self._quiet: float = math.inf  # steps since the last alarm

    def judge(self, scores: StreamScores) -> Verdict | None:
        """The alarm that the last step of `scores` begins, if it does."""
        log10_p = self._log10_probability(self._strangeness(scores))[:, -1:]
        score = float(-simes(log10_p)[0])
        self._quiet += 1
        if not score > self.threshold:  # NaN without any value
            return None
        goes_on, self._quiet = self._quiet <= self._cool_down + 1, 0
        if goes_on:
            return None
        blamed = np.flatnonzero(to_blame(log10_p[:, 0], -self.threshold))
        return Verdict(score, blamed[np.argsort(log10_p[blamed, 0])].tolist())

    def _strangeness(self, scores: StreamScores) -> Strangeness:
        """How much less likely than the median each value was; 0 where it is too close to it to count."""
        deviation = (scores.values - scores.distribution.median)[0].abs().cpu()
        found = torch.where(deviation > self._least, scores.surprise[0].cpu().clamp(min=0), 0.0)
        return torch.where(deviation.isnan(), torch.nan, found).double().numpy()

    def _log10_probability(self, strangeness: Strangeness) -> Strangeness:
        rows = zip(self._tails, strangeness, strict=True)
        return np.stack([tail.log10_probability(row) for tail, row in rows])
