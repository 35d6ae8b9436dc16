"""Forecasts of many regular series with a model of either generation."""

from toto.inference.context_notes import note_empty, note_flat
from toto.inference.forecaster import TotoForecaster
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.pipeline.inputs import Inputs
from toto.inference.pipeline.quantiles import quantile_rows
from toto.inference.pipeline.rows import Rows
from toto.inference.pipeline.sampled import sampled_rows
from toto.inference.pipeline.settings import ForecastSettings
from toto.inference.progress import Progress


def forecast_inputs(
    forecaster: TotoForecaster | Toto2Forecaster,
    inputs: Inputs,
    settings: ForecastSettings,
    progress: Progress | None = None,
) -> PipelineForecast:
    """Forecast every row of every series; none depends on which others there are.

    Raises:
        InputError: levels that the model does not predict.
    """
    note_empty(inputs.series, settings.context)
    note_flat(forecaster, inputs.series, settings.context)
    rows = forecast_rows(forecaster, inputs, settings, progress)
    return PipelineForecast(inputs.series, settings.levels, inputs.shape, inputs.kind, rows)


def forecast_rows(
    forecaster: TotoForecaster | Toto2Forecaster,
    inputs: Inputs,
    settings: ForecastSettings,
    progress: Progress | None = None,
) -> Rows:
    """The numbers alone.

    Raises:
        InputError: levels that the model does not predict.
    """
    if isinstance(forecaster, Toto2Forecaster):
        return quantile_rows(forecaster, inputs.series, settings, progress)
    return sampled_rows(forecaster, inputs, settings, progress)
