"""Metrics of quantile forecasts, as ratios of two sums that grow window by window.

MASE, CRPS and coverage are those of GluonTS (and so of GIFT-Eval): sums over all series, variates, windows
and steps whose value is known, and one division at the end.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from toto.errors import InputError
from toto.evaluation.task import Future, Window

# of one window, in units; of several windows each has its own shape
Quantiles = Float[np.ndarray, "levels variates horizon"]
AnyQuantiles = Float[np.ndarray, "_levels _variates _horizon"]
Sums = tuple[Float[np.ndarray, " _variates"], Float[np.ndarray, " _variates"]]

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Metric:
    """A metric: which quantiles it reads, and its numerator and denominator in one window.

    sums: called as sums(window, {level: [variates, horizon]}).
    """

    levels: tuple[float, ...]
    sums: Callable[[Window, Mapping[float, Future]], Sums]


def _sum_known(window: Window, values: Future) -> Float[np.ndarray, " variates"]:
    """The sum where the actual value is known; NaN in a forecast is not hidden."""
    return np.where(np.isfinite(window.actual), values, 0.0).sum(axis=1)


def _count(window: Window) -> Float[np.ndarray, " variates"]:
    return np.isfinite(window.actual).sum(axis=1).astype(float)


def _absolute_error(window: Window, quantiles: Mapping[float, Future]) -> Sums:
    return _sum_known(window, np.abs(window.actual - quantiles[0.5])), _count(window)


def _squared_error(window: Window, quantiles: Mapping[float, Future]) -> Sums:
    return _sum_known(window, (window.actual - quantiles[0.5]) ** 2), _count(window)


def _scaled_error(window: Window, quantiles: Mapping[float, Future]) -> Sums:
    """Variates whose history has no seasonal difference do not count."""
    error, count = _absolute_error(window, quantiles)
    scale = window.seasonal_error
    varies = scale > 0  # False for NaN
    return np.where(varies, error / np.where(varies, scale, 1.0), 0.0), np.where(varies, count, 0.0)


def _quantile_loss(window: Window, quantiles: Mapping[float, Future]) -> Sums:
    """Twice the pinball loss, the mean over the levels; relative to the absolute values."""
    losses = []
    for level in DECILES:
        above = window.actual - quantiles[level]
        losses.append(_sum_known(window, 2 * np.maximum(level * above, (level - 1) * above)))
    return np.mean(losses, axis=0), _sum_known(window, np.abs(window.actual))


def _inside(low: float, high: float, window: Window, quantiles: Mapping[float, Future]) -> Sums:
    inside = (quantiles[low] <= window.actual) & (window.actual <= quantiles[high])
    return _sum_known(window, inside.astype(float)), _count(window)


METRICS = {
    "mase": Metric((0.5,), _scaled_error),
    "crps": Metric(DECILES, _quantile_loss),
    "mae": Metric((0.5,), _absolute_error),
    "mse": Metric((0.5,), _squared_error),
    "coverage_80": Metric((0.1, 0.9), partial(_inside, 0.1, 0.9)),
    "coverage_95": Metric((0.025, 0.975), partial(_inside, 0.025, 0.975)),
}


def metric_names(metrics: str | Sequence[str]) -> tuple[str, ...]:
    """The named metrics, or the one, each once.

    Raises:
        InputError: no metric, or one of a name that is not known.
    """
    if not isinstance(metrics, (str, Sequence)):
        raise InputError(f"metrics must be a list of names, got {metrics!r}")
    names = (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))
    unknown = [str(name) for name in names if name not in METRICS]
    if unknown or not names:
        raise InputError(f"metrics must be among {', '.join(METRICS)}, got {', '.join(unknown) or 'none'}")
    return names


def levels_of(metrics: str | Sequence[str]) -> tuple[float, ...]:
    """The quantile levels that the named metrics read, in order; errors are those of `metric_names`."""
    return tuple(sorted({level for name in metric_names(metrics) for level in METRICS[name].levels}))


class Tally:
    """Sums of several metrics over windows."""

    def __init__(self, metrics: str | Sequence[str]) -> None:
        self.levels = levels_of(metrics)
        self._sums: dict[str, list[Sums]] = {name: [] for name in metric_names(metrics)}
        self._series: list[int] = []
        self.num_without_scale = 0  # variates of windows that MASE leaves out

    def add(self, window: Window, quantiles: Quantiles) -> None:
        """Count one more window; `quantiles` are those at `levels`."""
        by_level = dict(zip(self.levels, quantiles, strict=True))
        for name, sums in self._sums.items():
            sums.append(METRICS[name].sums(window, by_level))
        self._series.append(window.series_index)
        if "mase" in self._sums:
            self.num_without_scale += int((~(window.seasonal_error > 0)).sum())

    def scores(self, series_index: int | None = None) -> dict[str, float]:
        """Every metric over all windows, or those of one series; NaN where nothing could be scored."""
        chosen = [i for i, s in enumerate(self._series) if series_index is None or s == series_index]
        return {name: _ratio([sums[i] for i in chosen]) for name, sums in self._sums.items()}


def _ratio(sums: Sequence[Sums]) -> float:
    numerator = sum(float(top.sum()) for top, _ in sums)
    denominator = sum(float(bottom.sum()) for _, bottom in sums)
    return numerator / denominator if denominator else math.nan
