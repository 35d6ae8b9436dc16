"""Alarms: steps whose score stays above a threshold, joined to events; and a threshold for a wanted rate."""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from toto.errors import InputError

_MARGIN = 1e-4  # of a threshold over the score that it is taken from, which rounding must not let exceed it

Scores = Float[np.ndarray, " time"]  # larger is stranger; NaN where there is none


class Run(NamedTuple):
    """An event: its first and last step, and the step with which `persistence` was reached."""

    start: int
    end: int
    alarm: int


class Rule(NamedTuple):
    """When an excess over a threshold is an event.

    persistence: steps in a row that must exceed it.
    cool_down: quiet steps within which a further excess belongs to the same event.
    """

    persistence: int = 1
    cool_down: int = 10

    def sustained(self, scores: Scores) -> Scores:
        """The least of the last `persistence` scores: what must exceed the threshold; a gap is no excess."""
        filled = np.where(np.isnan(scores), -np.inf, scores)
        before = np.full(self.persistence - 1, -np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, filled]), self.persistence)
        return windows.min(-1)

    def runs(self, scores: Scores, threshold: float) -> list[Run]:
        """The events in a history, in order."""
        steps = np.flatnonzero(self.sustained(scores) > threshold)
        parts = np.split(steps, np.flatnonzero(np.diff(steps) > self.cool_down + 1) + 1)
        return [
            Run(int(part[0]) - self.persistence + 1, int(part[-1]), int(part[0]))
            for part in parts
            if len(part)
        ]

    def threshold(self, scores: Scores, rate: float) -> float:
        """The least threshold that the scores of a clean stretch exceed in events of at most `rate` per step.

        Of n scores, k = floor(rate (n + 1)) of the events are one too many: the threshold is the peak of
        the k-th, so that the chance that one more step begins an event is at most k / (n + 1) (split
        conformal prediction). On a stretch too short for that, it lies beyond its highest score, as many
        decades as the rate lies below 1 / (n + 1): scores are logarithms of probabilities to base 10. The
        highest of n counts as log10(n + 1) at least, for it is lower where ties hide it. Where
        events cannot be so many, because the cool-down joins them, they are as many as they can be.

        Raises:
            InputError: no `persistence` steps in a row that have a score.
        """
        sustained = self.sustained(scores)
        steps = np.argsort(-sustained, kind="stable")[: int(np.isfinite(sustained).sum())].tolist()
        if not steps:
            raise InputError(
                f"persistence must be shorter than the clean stretch, got {self.persistence} steps in a row "
                f"of {len(scores)}"
            )
        num_possible = int(np.isfinite(scores).sum()) + 1
        expected = rate * num_possible
        if expected < 1:
            highest = max(float(sustained[steps[0]]), float(np.log10(num_possible)))
            return highest - float(np.log10(expected)) + _MARGIN
        found: list[int] = []
        num_events = most = 0
        threshold = 0.0
        for step in steps:
            num_events += self._more_events(found, step)
            if num_events > most:
                most, threshold = num_events, float(sustained[step])
            if num_events >= int(expected):
                break
        return threshold + _MARGIN

    def _more_events(self, steps: list[int], step: int) -> int:
        """Add a step to those in order; the change of the number of events."""
        place = bisect_left(steps, step)
        before = steps[place - 1] if place else None
        after = steps[place] if place < len(steps) else None
        steps.insert(place, step)
        apart = self._apart(before, step) + self._apart(step, after)
        if before is None or after is None:
            return apart if steps[1:] else 1
        return apart - self._apart(before, after)

    def _apart(self, first: int | None, second: int | None) -> int:
        return int(first is not None and second is not None and second - first > self.cool_down + 1)
