"""Forecasts of all windows of a task by a fine-tuned model, with the covariates that it was trained with."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from toto.data.forecast_frame import FrameKind
from toto.data.interpolation import interpolated
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.evaluation.record import Settings
from toto.evaluation.task import Task, Window
from toto.inference.forecast import Forecast
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.models import Model, draws_paths, forecaster_of
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.pipeline.inputs import Inputs, number_of
from toto.inference.pipeline.quantiles import quantile_rows
from toto.inference.pipeline.sampled import forecasts_of_batches
from toto.inference.pipeline.settings import ForecastSettings
from toto.inference.quantile_forecast import QuantileForecast

log = logging.getLogger(__name__)

PlacedForecast = tuple[int, Window, Forecast | QuantileForecast]


def learnt_series(record: FitRecord, data: Any, layout: Layout, horizon: int) -> list[RegularSeries]:
    """The series in a frame or a `Table` as a fine-tuned model knows them, known covariates up to their ends.

    Raises:
        InputError: covariates that are missing, or a horizon that they were not trained for.
    """
    record.check_horizon(horizon)
    return record.read(data, layout, None, horizon, to_learn=True).series


class FittedForecaster:
    """A fine-tuned model that forecasts windows as `TotoPipeline.forecast` does the data up to each.

    Known covariates of a window are those in the data: their history, and their values in its steps.

    Args:
        model: of either generation, with a `FitRecord`.
        series: those of the task, with covariates.
        settings: context, samples and seed.

    Attributes:
        num_shared: 0: what is read of known covariates depends on the window, so that no pass is shared.
    """

    def __init__(self, model: Model, series: Sequence[RegularSeries], settings: Settings) -> None:
        together = any(len(one.variates) > 1 for one in series)
        settings = replace(settings, grouping="multivariate" if together else "univariate")
        drawn = draws_paths(model)
        self.settings = replace(settings, variance_reduction=True) if drawn else settings.of_levels()
        self.num_shared = 0
        self._series, self._forecaster = series, forecaster_of(model)

    def forecasts(self, task: Task) -> Iterator[PlacedForecast]:
        """The place of every window in the task, the window, and its forecast, in any order."""
        windows = list(task)
        series = self._until(windows, task.horizon)
        numbers = [number_of("; ".join(one.labels)) for one in series]
        inputs = Inputs(series, numbers, (sum(len(one.variates) for one in series),), FrameKind())
        for place, forecast in self._forecasts(inputs, self._asked(task.horizon)):
            yield place, windows[place], forecast

    def _asked(self, horizon: int) -> ForecastSettings:
        settings = self.settings
        from_paths = settings.quantiles_from == "paths" or horizon > self._forecaster.model.config.patch_size
        num_paths = settings.num_samples or 1
        return ForecastSettings(
            horizon, settings.context or 0, num_paths if from_paths else 1, (), settings.seed or 0
        )

    def _forecasts(
        self, inputs: Inputs, asked: ForecastSettings
    ) -> Iterator[tuple[int, Forecast | QuantileForecast]]:
        """The forecast of each series, with one as its batch."""
        if isinstance(self._forecaster, Toto2Forecaster):
            rows = quantile_rows(self._forecaster, inputs.series, asked, None).forecast
            ends = np.cumsum([len(one.variates) for one in inputs.series]).tolist()
            for place, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
                yield place, QuantileForecast(rows.quantiles[first:end].transpose(0, 1), rows.levels)
            return
        for batch, forecast in forecasts_of_batches(self._forecaster, inputs, asked):
            for row, place in enumerate(batch.places):
                yield place, self._of_targets(forecast, row, batch.num_targets)

    def _of_targets(self, forecast: Forecast, row: int, num_targets: int) -> Forecast:
        """The forecast of a series of a batch, without its covariates."""
        targets = forecast.each(lambda t: t[row : row + 1, :num_targets])
        assert targets.distribution is not None
        if self.settings.quantiles_from == "paths":
            return replace(targets, distribution=None)
        certain = targets.distribution.known.new_empty(1, 0, targets.mean.shape[-1])
        return replace(targets, distribution=replace(targets.distribution, known=certain))

    def _until(self, windows: Sequence[Window], horizon: int) -> list[RegularSeries]:
        """The series as they are known when each window is forecast."""
        found, num_bridged = [], 0
        for window in windows:
            origin = window.history.shape[1]
            one = self._series[window.series_index].until(origin, horizon)
            if one.known is not None:
                num_bridged += int(np.isnan(one.known[:, origin:]).sum())
                one = replace(one, known=_bridged(one.known, origin))
            found.append(one)
        if num_bridged:
            log.warning(
                "%d values of known covariates are missing in the windows and interpolated", num_bridged
            )
        return found


def _bridged(known: Float[np.ndarray, "known time"], origin: int) -> Float[np.ndarray, "known time"]:
    """Known covariates without gaps from step `origin` on, of which a forecast takes none."""
    if not np.isnan(known[:, origin:]).any():
        return known
    return np.concatenate([known[:, :origin], np.nan_to_num(interpolated(known))[:, origin:]], axis=1)
