"""The score of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015, arXiv 1510.03336).

It rewards early alarms and punishes false ones. Rows of a file count from 0. A detector gives every row a
score with knowledge of earlier rows alone; rows with at least the threshold, one for all files, are alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from toto.errors import InputError


@dataclass(frozen=True)
class Profile:
    """What a found window earns at most, and what a missed one and a false alarm cost."""

    true_positive: float
    false_negative: float
    false_positive: float


PROFILES = {
    "standard": Profile(1.0, 1.0, 0.11),
    "low FP": Profile(1.0, 1.0, 0.22),
    "low FN": Profile(1.0, 2.0, 0.11),
}


@dataclass(frozen=True)
class ScoredFile:
    """The scores of the rows of a file, and its windows of anomalies: first and last row of each."""

    scores: Float[np.ndarray, " rows"]
    windows: tuple[tuple[int, int], ...]

    @property
    def num_unscored(self) -> int:
        """Rows at the start in which alarms do not count."""
        return min(int(0.15 * len(self.scores)), 750)

    def alarms(self, threshold: float) -> Int[np.ndarray, " alarms"]:
        """The rows with alarms that count."""
        rows = np.flatnonzero(self.scores >= threshold)
        return rows[rows >= self.num_unscored]


def raw_score(file: ScoredFile, threshold: float, profile: Profile) -> float:
    """The score of one file before it is normalised."""
    alarms, total = file.alarms(threshold), 0.0
    outside = np.ones(len(alarms), dtype=bool)
    for left, right in file.windows:
        inside = (alarms >= left) & (alarms <= right)
        outside &= ~inside
        if inside.any():
            position = -(right - alarms[inside][0] + 1) / (right - left + 1)
            total += profile.true_positive * float(_sigmoid(position) / _sigmoid(-1.0))
        else:
            total -= profile.false_negative
    return total + profile.false_positive * float(_cost(alarms[outside], file.windows).sum())


def nab_score(files: Sequence[ScoredFile], threshold: float, profile: Profile) -> float:
    """The score of all files: 0 without any alarm, 100 with one at the start of every window alone.

    Raises:
        InputError: no file has a window.
    """
    num_windows = sum(len(file.windows) for file in files)
    if num_windows == 0:
        raise InputError("files must have at least one window of anomalies in all, got none: nothing to find")
    raw = sum(raw_score(file, threshold, profile) for file in files)
    nothing, perfect = -profile.false_negative * num_windows, profile.true_positive * num_windows
    return 100 * (raw - nothing) / (perfect - nothing)


def best_threshold(files: Sequence[ScoredFile], profile: Profile, num_tried: int = 400) -> float:
    """The threshold with the highest score, of those that give up to 40 alarms for each file on average.

    Raises:
        InputError: no score that is a number, or no file with a window.
    """
    scores = np.sort(np.concatenate([file.scores[file.num_unscored :] for file in files]))[::-1]
    scores = scores[~np.isnan(scores)]
    if len(scores) == 0:
        raise InputError("files must have scores behind their unscored start, got none but NaN")
    ranks = np.unique(np.geomspace(1, min(len(scores), 40 * len(files)), num_tried).round().astype(int))
    tried = np.unique(scores[ranks - 1])[::-1]
    return float(max(tried, key=lambda threshold: nab_score(files, threshold, profile)))


def _cost(alarms: Int[np.ndarray, " alarms"], windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """What each false alarm adds, from 0 right after a window to -1 far from any or before the first."""
    if not windows:
        return np.full(len(alarms), -1.0)
    lefts, rights = np.array(windows).T
    before = np.searchsorted(rights, alarms) - 1
    widths = np.maximum(rights - lefts, 1)  # rows of a window, less one
    distance = (alarms - rights[before]) / widths[before]
    return np.where(before < 0, -1.0, _sigmoid(distance))


def _sigmoid(x: float | np.ndarray) -> np.ndarray:
    """From 1 far inside a window to -1 far behind it."""
    return np.where(np.asarray(x) > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(x, 3))) - 1)
