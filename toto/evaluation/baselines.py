"""Baselines of our own: the last season again, and the last value again."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from toto.evaluation.forecaster import Target
from toto.evaluation.metrics import AnyQuantiles, Quantiles
from toto.evaluation.record import Settings
from toto.evaluation.task import AnySeries, Series, mean_of_known, seasonal_differences, usable_seasonality


@dataclass(frozen=True)
class SeasonalNaive:
    """The last season repeated, with normal quantiles around it.

    sigma is the root mean square of the seasonal differences of the history times the square root of the
    seasons ahead: a random walk from season to season. This is `SeasonalNaive` of statsforecast and the row
    Seasonal_Naive of GIFT-Eval. A missing value is replaced by the last known one at its place in the season,
    else the last known one at all, else 0.

    seasonality: steps of a season; None: that of the task. 1 repeats the last value.
    """

    settings: Settings
    seasonality: int | None = None

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """See `Forecaster`."""
        target = target._replace(seasonality=self.seasonality or target.seasonality)
        return [_normal_quantiles(history, target) for history in histories]


def _normal_quantiles(history: Series, target: Target) -> Quantiles:
    season = usable_seasonality(history, target.seasonality)
    steps = np.arange(target.horizon)
    middle = _last_known_season(history, season)[:, steps % season]
    z = np.array([NormalDist().inv_cdf(level) for level in target.levels])
    if not z.any():
        return np.stack([middle] * len(z))  # medians alone: no need of a spread, which takes longest
    spread = np.sqrt(mean_of_known(seasonal_differences(history, season) ** 2))
    sigma = np.nan_to_num(spread)[:, None] * np.sqrt(1 + steps // season)
    return middle + z[:, None, None] * sigma


def _last_known_season(history: Series, season: int) -> Float[np.ndarray, "variates season"]:
    """The last known value at every place of a season, [variates, season]."""
    last = history[:, -season:]
    if np.isfinite(last).all():
        return last
    by_place = _last_known(_by_season(history, season))
    anywhere = _last_known(history[:, :, None])
    return np.nan_to_num(np.where(np.isfinite(by_place), by_place, anywhere))


def _by_season(history: Series, season: int) -> Float[np.ndarray, "variates seasons season"]:
    """The history in seasons that end with it, the first one filled up with missing values."""
    num_missing = -history.shape[1] % season
    padded = np.pad(history, ((0, 0), (num_missing, 0)), constant_values=np.nan)
    return padded.reshape(len(history), -1, season)


def _last_known(values: Float[np.ndarray, "variates seasons season"]) -> Float[np.ndarray, "variates season"]:
    """The last known value along the middle axis; NaN where there is none."""
    known = np.isfinite(values)
    last = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1, keepdims=True)
    return np.take_along_axis(values, last, axis=1)[:, 0]
