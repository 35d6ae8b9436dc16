"""The distribution of a forecast alone: without sampling within a patch, from few paths beyond it."""

from typing import TYPE_CHECKING, Any, SupportsIndex

from toto.inference.arguments import count
from toto.inference.forecast import Forecast
from toto.inference.forecast_distribution import ForecastDistribution

if TYPE_CHECKING:
    from toto.inference.forecaster import TotoForecaster


def predict_distribution(
    forecaster: "TotoForecaster",
    inputs: Any,
    prediction_length: SupportsIndex,
    num_paths: SupportsIndex = 64,
    *,
    seed: SupportsIndex | None = None,
    future_exogenous_variables: Any = None,
    series_ids: Any = None,
) -> ForecastDistribution | list[ForecastDistribution]:
    """The distribution of each of the next steps; `TotoForecaster.predict_distribution` has the arguments."""
    horizon, paths = count("prediction_length", prediction_length), count("num_paths", num_paths)
    exact = horizon <= forecaster.model.config.patch_size  # paths diverge after the first patch
    forecast = forecaster.forecast(
        inputs,
        horizon,
        1 if exact else paths,
        future_exogenous_variables=future_exogenous_variables,
        seed=0 if exact and seed is None else seed,
        series_ids=series_ids,
        variance_reduction=True,
        keep_distribution=True,
    )
    return _distribution(forecast) if isinstance(forecast, Forecast) else [_distribution(f) for f in forecast]


def _distribution(forecast: Forecast) -> ForecastDistribution:
    assert forecast.distribution is not None
    return forecast.distribution
