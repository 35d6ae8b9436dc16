"""A quantity over time: its last values, and how they compare with each other and with the first ones."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ENOUGH = 20  # of fewer values, unless they fill a window, no variation and no coverage is told


@dataclass(frozen=True)
class Statistics:
    """What the last window of a quantity says.

    num_values: in the window.
    mean: in the unit of the quantity.
    cv: coefficient of variation, standard deviation over mean; None of fewer than 20 values,
        unless the window is smaller.
    baseline: mean of the first window, or the one that was given; None while there is none.
    drift: mean over baseline, less 1: 0.2 is 20 % more than at first; None without a baseline.
    """

    num_values: int
    mean: float
    cv: float | None
    baseline: float | None
    drift: float | None


class Quantity:
    """One quantity: the values of the last window, a longer history for pictures, and a baseline.

    Args:
        window: values that statistics are taken of.
        history: values that are kept, of each the time and the value.
        baseline: to compare with; None: the mean of the first window.
    """

    def __init__(self, window: int, history: int, baseline: float | None = None) -> None:
        self._last: deque[float] = deque(maxlen=window)
        self._history: deque[tuple[float, float]] = deque(maxlen=history)
        self._baseline = baseline
        self._enough = min(ENOUGH, window)

    def add(self, moment: float, value: float) -> None:
        """Record a value; `moment` is in seconds since 1970."""
        self._last.append(value)
        self._history.append((moment, value))
        if self._baseline is None and len(self._last) == self._last.maxlen:
            self._baseline = float(np.mean(self._last))

    def statistics(self) -> Statistics | None:
        """Of the last window; None if nothing was recorded."""
        if not self._last:
            return None
        values = np.array(self._last)
        mean = float(values.mean())
        return Statistics(
            len(values),
            mean,
            float(values.std() / mean) if len(values) >= self._enough and mean > 0 else None,
            self._baseline,
            mean / self._baseline - 1 if self._baseline else None,
        )

    def history(self) -> Float[np.ndarray, "values 2"]:
        """Times, in seconds since 1970, and values."""
        return np.array(self._history, float).reshape(-1, 2)


class Coverage:
    """The share of actual values inside an interval that should hold a known share of them.

    Each entry is what came at once. The last `window` entries count, all their values alike.
    """

    def __init__(self, window: int, history: int) -> None:
        self._enough = min(ENOUGH, window)
        self._last: deque[tuple[int, int]] = deque(maxlen=window)
        self._history: deque[tuple[float, float]] = deque(maxlen=history)

    def add(self, moment: float, num_inside: int, num_values: int) -> None:
        """Record how many of at least one value lie inside."""
        self._last.append((num_inside, num_values))
        self._history.append((moment, num_inside / num_values))

    def share(self) -> float | None:
        """Of the last window; None of fewer than 20 entries, unless the window is smaller."""
        if len(self._last) < self._enough:
            return None
        inside, total = np.sum(self._last, axis=0)
        return float(inside / total)

    def history(self) -> Float[np.ndarray, "values 2"]:
        """Times, in seconds since 1970, and shares."""
        return np.array(self._history, float).reshape(-1, 2)
