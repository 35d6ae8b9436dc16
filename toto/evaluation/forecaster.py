"""What is evaluated: one small interface for models and baselines, and Toto behind it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from toto.evaluation.metrics import AnyQuantiles
from toto.evaluation.record import Settings
from toto.evaluation.task import AnySeries
from toto.inference.forecaster import TotoForecaster
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
        inputs: list[AnySeries] = list(histories)
        input_ids = list(ids)
        if self.settings.grouping == "univariate":
            pairs = list(zip(histories, ids, strict=True))
            inputs = [history[place : place + 1] for history, _ in pairs for place in range(len(history))]
            input_ids = [first + place for history, first in pairs for place in range(len(history))]
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
        found = [values.double().cpu().numpy() for values in quantiles]
        return found if self.settings.grouping == "multivariate" else _regrouped(found, histories)


def _regrouped(rows: Sequence[AnyQuantiles], histories: Sequence[AnySeries]) -> list[AnyQuantiles]:
    """Quantiles of single variates as those of the histories they come from."""
    remaining = iter(rows)
    return [np.concatenate([next(remaining) for _ in history], axis=1) for history in histories]
