"""Scores of a backtest by series and overall, beside seasonal naive, and the calibration of its forecasts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from toto.evaluation.metrics import METRICS, Future, Quantiles
from toto.evaluation.task import Window
from toto.inference.forecast import Forecast
from toto.inference.quantile_forecast import QuantileForecast

AnyForecast = Forecast | QuantileForecast
Pit = Float[np.ndarray, "variates horizon"]
PitValues = Float[np.ndarray, " values"]

SHOWN_COVERAGES = (0.5, 0.8, 0.95)
_ROUNDING = 1e-9  # a score of seasonal naive below it is none
NO_UNIT = ("mase", "crps", "coverage_80", "coverage_95")  # comparable between series of different units


class WindowForecast(NamedTuple):
    """A window, what was forecast in it, and where the actual values fell.

    quantiles: [levels, variates, horizon] in units, at the levels of the backtest.
    pit: the probability that the forecast gave to values up to the actual one; NaN where that is missing.
    naive: quantiles of seasonal naive.
    """

    window: Window
    quantiles: Quantiles
    pit: Pit
    naive: Quantiles


def probability_integral_transform(forecast: AnyForecast, actual: Future, seed: int) -> Pit:
    """Where the actual values fall in the forecast: uniform between 0 and 1 if its probabilities are right.

    P(step <= actual) of the distribution, or where there are sample paths alone, the rank of the actual value
    among them, anywhere at random between the path below and the path above (and among equal ones).

    Args:
        forecast: of one series.
        actual: [variates, horizon] in units, NaN where missing.
        seed: of the random places.
    """
    if forecast.distribution is not None:
        values = forecast.mean.new_tensor(np.nan_to_num(actual))
        pit = forecast.distribution.cdf(values)[0].double().cpu().numpy()
    else:
        assert forecast.samples is not None
        samples = forecast.samples[0].double().cpu().numpy()
        below = (samples < actual[..., None]).sum(axis=-1)
        equal = (samples == actual[..., None]).sum(axis=-1)
        places = np.random.default_rng(seed).uniform(size=actual.shape)
        pit = (below + places * (equal + 1)) / (samples.shape[-1] + 1)
    return np.where(np.isfinite(actual), pit, np.nan)


def coverage(pit: PitValues, share: float) -> float:
    """How many of the actual values lie in the central interval that should hold `share` of them."""
    return float((np.abs(pit - 0.5) <= share / 2).mean()) if len(pit) else math.nan


class Scores:
    """Metrics of forecasts of single variates, and their means by series.

    Args:
        forecasts: all windows.
        levels: those of the quantiles.
        metrics: names out of `METRICS`.
        naive: score seasonal naive instead.
    """

    def __init__(
        self,
        forecasts: Sequence[WindowForecast],
        levels: Sequence[float],
        metrics: Sequence[str],
        naive: bool = False,
    ) -> None:
        self.sums: dict[str, list[tuple[Any, Any]]] = {name: [] for name in metrics}
        for forecast in forecasts:
            by_level = dict(zip(levels, forecast.naive if naive else forecast.quantiles, strict=True))
            for name, sums in self.sums.items():
                sums.append(METRICS[name].sums(forecast.window, by_level))

    def of_each(self, metric: str) -> Float[np.ndarray, " forecasts"]:
        """The metric of every forecast of a variate, window by window; NaN where nothing could be scored."""
        top, bottom = (np.concatenate(parts) for parts in zip(*self.sums[metric], strict=True))
        return _ratio(top, bottom)

    def by_variate(self, metric: str, rows: Int[np.ndarray, " forecasts"]) -> Float[np.ndarray, " rows"]:
        """The metric over all windows of each variate; `rows` says which variate each forecast is of."""
        top, bottom = (np.concatenate(parts) for parts in zip(*self.sums[metric], strict=True))
        return _ratio(np.bincount(rows, top), np.bincount(rows, bottom))


def overall(values: Float[np.ndarray, " rows"]) -> float:
    """The mean over the series that have a score."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def overall_relative(ratios: Float[np.ndarray, " rows"]) -> float:
    """The geometric mean over the series where model and seasonal naive have a score above 0."""
    usable = ratios[np.isfinite(ratios) & (ratios > 0)]
    return float(np.exp(np.log(usable).mean())) if len(usable) else math.nan


def score_columns(
    model: Scores, naive: Scores, rows: Int[np.ndarray, " forecasts"]
) -> Mapping[str, Float[np.ndarray, " rows"]]:
    """Columns of the table: every metric, that of seasonal naive, and their ratio; the last row is overall.

    Metrics in the units of the series have no overall value where there are several series.
    """
    columns: dict[str, Any] = {}
    for metric in model.sums:
        ours, theirs = model.by_variate(metric, rows), naive.by_variate(metric, rows)
        comparable = metric in NO_UNIT or len(ours) == 1
        for name, values in ((metric, ours), (f"{metric}_naive", theirs)):
            columns[name] = np.append(values, overall(values) if comparable else math.nan)
        if not metric.startswith("coverage"):  # there nearer to the share is better, not less
            measurable = theirs > _ROUNDING if metric in NO_UNIT else theirs > 0
            ratios = _ratio(ours, np.where(measurable, theirs, 0.0))
            columns[f"{metric}_relative"] = np.append(ratios, overall_relative(ratios))
    return columns


def _ratio(top: Float[np.ndarray, " n"], bottom: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
