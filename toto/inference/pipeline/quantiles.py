"""Forecasts of many series by a model that predicts quantiles, all in one call."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.regular_series import RegularSeries
from toto.inference.forecaster2 import AS_PUBLISHED, Toto2Forecaster
from toto.inference.pipeline.reading import Reading
from toto.inference.pipeline.rows import TAILS, QuantileRows
from toto.inference.pipeline.settings import ForecastSettings
from toto.inference.progress import Progress
from toto.inference.quantile_forecast import QuantileForecast, check_levels
from toto.model2.toto2 import LEVELS


def quantile_rows(
    forecaster: Toto2Forecaster,
    series: Sequence[RegularSeries],
    settings: ForecastSettings,
    progress: Progress | None,
) -> QuantileRows:
    """Quantiles of every row of every series.

    Raises:
        InputError: levels that the model does not predict, unless a model of the tails is wanted.
    """
    tails = settings.tails == "exponential"
    if not tails:
        check_levels("quantile_levels", settings.levels, LEVELS, TAILS)
    interpolate = settings.missing == "interpolate"
    reading = Reading(forecaster.model.config.patch_size, settings.context, settings.horizon, interpolate)
    known = [reading.exogenous(one) for one in series]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*hold no real value")  # it numbers what is named here
        forecasts = forecaster.forecast(
            [_read(reading, one, beside) for one, beside in zip(series, known, strict=True)],
            settings.horizon,
            settings.decode_block_size,
            [beside[:, -settings.horizon :] if len(beside) else None for beside in known],
            progress=progress,
            **AS_PUBLISHED,
        )
    dtype = torch.from_numpy(np.empty(0, np.result_type(*{one.values.dtype for one in series}))).dtype
    rows = [
        forecast.quantiles[0, : len(one.variates)].to("cpu", dtype)
        for one, forecast in zip(series, forecasts, strict=True)
    ]
    return QuantileRows(QuantileForecast(torch.cat(rows)[:, None], LEVELS), tails)


def _read(reading: Reading, one: RegularSeries, known: np.ndarray) -> MaskedTimeseries:
    """Targets, past covariates and known ones as variates that see each other."""
    rows = np.concatenate([reading.seen(one), known[:, : reading.num_steps(one)]])
    return MaskedTimeseries.from_array(rows, num_exogenous_variables=len(known))
