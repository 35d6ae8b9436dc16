"""Forecasts of many regular series with a model of either generation."""

import logging
import textwrap
from collections.abc import Sequence

import numpy as np

from toto.data.regular_series import RegularSeries
from toto.inference.forecaster import TotoForecaster
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.pipeline_forecast import PipelineForecast
from toto.inference.pipeline_inputs import Inputs
from toto.inference.pipeline_quantiles import quantile_rows
from toto.inference.pipeline_rows import Rows
from toto.inference.pipeline_sampled import sampled_rows
from toto.inference.pipeline_settings import Settings
from toto.inference.progress import Progress

log = logging.getLogger(__name__)


def forecast_inputs(
    forecaster: TotoForecaster | Toto2Forecaster,
    inputs: Inputs,
    settings: Settings,
    progress: Progress | None = None,
) -> PipelineForecast:
    """Forecast every row of every series; none depends on which others there are.

    Raises:
        InputError: levels that the model does not predict.
    """
    _note_empty(inputs.series, settings.context)
    rows: Rows
    if isinstance(forecaster, Toto2Forecaster):
        rows = quantile_rows(forecaster, inputs.series, settings, progress)
    else:
        rows = sampled_rows(forecaster, inputs, settings, progress)
    return PipelineForecast(inputs.series, settings.levels, inputs.shape, inputs.kind, rows)


def _note_empty(series: Sequence[RegularSeries], context: int) -> None:
    empty = [
        label
        for one in series
        for label, values in zip(one.labels, one.values[:, -context:], strict=True)
        if np.isnan(values).all()
    ]
    if empty:
        log.warning(
            "%s: no value in the context; what has none is forecast as if it were 0 throughout",
            textwrap.shorten(", ".join(empty), 60, placeholder=f" ... ({len(empty)} in all)"),
        )
