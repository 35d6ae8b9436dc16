"""What is evaluated: one small interface for models and baselines, and Toto behind it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from toto.evaluation.metrics import AnyQuantiles
from toto.evaluation.record import Settings
from toto.evaluation.task import AnySeries
from toto.inference.forecaster import TotoForecaster
from toto.inference.forecaster2 import AS_PUBLISHED, Toto2Forecaster
from toto.inference.models import Model, draws_paths
from toto.model.toto import Toto


class Target(NamedTuple):
    """What to forecast: how many steps, of which seasonality, at which quantile levels."""

    horizon: int
    seasonality: int
    levels: tuple[float, ...]


@runtime_checkable
class Forecaster(Protocol):
    """A model or baseline under evaluation."""

    @property
    def settings(self) -> Settings:
        """How it is run; the evaluator cuts histories to `settings.context`."""

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """Quantiles of the steps after each history, [levels, variates, horizon] in units.

        Args:
            histories: [variates, time] each, NaN where missing.
            target: what to forecast.
            ids: a number for each history that no other variate of the task has, nor will have if the place
                of a variate is added; randomness depends on nothing else.
        """


def under_test(model: Any, settings: Settings) -> Forecaster:
    """A loaded model of either generation as something that can be evaluated."""
    return TotoUnderTest(model, settings) if draws_paths(model) else Toto2UnderTest(model, settings)


class TotoUnderTest:
    """Toto, as `TotoForecaster` runs it: quantiles of its sample paths.

    Args:
        model: a loaded model.
        settings: context, samples, seed and grouping; its name is what tables show.
    """

    def __init__(self, model: Toto, settings: Settings) -> None:
        self.settings = settings
        self._forecaster = TotoForecaster(model)

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """See `Forecaster`."""
        inputs, input_ids = _grouped(histories, ids, self.settings)
        forecasts = self._forecaster.forecast(
            inputs,
            target.horizon,
            self.settings.num_samples,
            seed=self.settings.seed,
            series_ids=input_ids,
            variance_reduction=self.settings.variance_reduction,
            keep_distribution=self.settings.quantiles_from == "distribution",
        )
        quantiles = [forecast.quantile(target.levels)[:, 0] for forecast in forecasts]
        return _regrouped(quantiles, histories, self.settings)


class Toto2UnderTest:
    """A model of quantiles, as `Toto2Forecaster` runs it with the options of the published scores.

    Levels that it does not predict are those of `QuantileDistribution`, whose tails are exponential.

    Args:
        model: a loaded model.
        settings: context and grouping; its name is what tables show.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self.settings = settings.of_levels()
        self._forecaster = Toto2Forecaster(model)

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """See `Forecaster`."""
        inputs, _ = _grouped(histories, ids, self.settings)
        forecasts = self._forecaster.forecast(inputs, target.horizon, **AS_PUBLISHED)
        quantiles = [forecast.distribution.quantile(target.levels)[:, 0] for forecast in forecasts]
        return _regrouped(quantiles, histories, self.settings)


def _grouped(
    histories: Sequence[AnySeries], ids: Sequence[int], settings: Settings
) -> tuple[list[AnySeries], list[int]]:
    """The series to forecast, histories or single variates of them, and the number of each."""
    if settings.grouping == "multivariate":
        return list(histories), list(ids)
    pairs = [(h, i, place) for h, i in zip(histories, ids, strict=True) for place in range(len(h))]
    return [h[place : place + 1] for h, _, place in pairs], [i + place for _, i, place in pairs]


def _regrouped(
    quantiles: Sequence[Tensor], histories: Sequence[AnySeries], settings: Settings
) -> list[AnyQuantiles]:
    """Quantiles of what `_grouped` made as those of the histories."""
    found = [values.double().cpu().numpy() for values in quantiles]
    if settings.grouping == "multivariate":
        return found
    remaining = iter(found)
    return [np.concatenate([next(remaining) for _ in history], axis=1) for history in histories]
