"""What a detector found in a history."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

Values = Float[np.ndarray, "variates time"]


@dataclass(frozen=True)
class Event:
    """One anomaly of a group of variates; steps count from the start of the history, both ends included.

    alarm: the step at which it was known: persistence can make it later than `start`.
    peak: the strangest step. severity: how rare that is on a clean stretch, in decades: 3 is once in 1000.
    group: number of the group of variates. variates: those to blame at the peak, the strangest first.
    value, low, high: of the strangest variate at the peak, and the interval expected there; in units.
    """

    start: int
    end: int
    alarm: int
    peak: int
    severity: float
    group: int
    variates: tuple[int, ...]
    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, repr=False)
class Detection:
    """Scores of a history, the threshold they were held to, and the events that exceed it.

    values, low, median, high: the history and what was expected of it, in units.
    log10_probability: of every variate, how rare a value so strange is on a clean stretch.
    scores: of every group, minus the logarithm of its combined probability, base 10; NaN where there is none.
    thresholds: of every group. groups: the group of each variate.
    times: stamps of the steps, if they were given.
    """

    values: Values
    low: Values
    median: Values
    high: Values
    log10_probability: Values
    scores: Float[np.ndarray, "groups time"]
    thresholds: Float[np.ndarray, " groups"]
    groups: Shaped[np.ndarray, " variates"]
    events: tuple[Event, ...]
    coverage: float
    times: Shaped[np.ndarray, " time"] | None = None

    @property
    def is_anomaly(self) -> Bool[np.ndarray, "groups time"]:
        """True within the events of each group."""
        inside = np.zeros(self.scores.shape, dtype=bool)
        for event in self.events:
            inside[event.group, event.start : event.end + 1] = True
        return inside

    def time(self, step: int) -> Any:
        """The stamp of a step, or its number."""
        return step if self.times is None else self.times[step]

    def __repr__(self) -> str:
        """Shapes and the number of events."""
        variates, num_steps = self.values.shape
        return f"Detection([variates, time] = {[variates, num_steps]}, {len(self.events)} events)"
