"""Forecasts of many regular series with a model of either generation."""

import logging
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

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

_FLAT = 0.1


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
    if isinstance(forecaster, TotoForecaster):
        _note_flat(inputs.series, settings.context)
    rows = forecast_rows(forecaster, inputs, settings, progress)
    return PipelineForecast(inputs.series, settings.levels, inputs.shape, inputs.kind, rows)


def forecast_rows(
    forecaster: TotoForecaster | Toto2Forecaster,
    inputs: Inputs,
    settings: Settings,
    progress: Progress | None = None,
) -> Rows:
    """The numbers alone.

    Raises:
        InputError: levels that the model does not predict.
    """
    if isinstance(forecaster, Toto2Forecaster):
        return quantile_rows(forecaster, inputs.series, settings, progress)
    return sampled_rows(forecaster, inputs, settings, progress)


def _note_empty(series: Sequence[RegularSeries], context: int) -> None:
    empty = [label for label, values in _rows(series, context) if np.isnan(values).all()]
    if empty:
        log.warning(
            "%s: no value in the context; what has none is forecast as if it were 0 throughout", _named(empty)
        )


def _note_flat(series: Sequence[RegularSeries], context: int) -> None:
    """Name what the scaler of Toto 1.0, which adds 0.1 to every variance, makes nearly flat."""
    flat = [label for label, values in _rows(series, context) if _is_flat(values[np.isfinite(values)])]
    if flat:
        log.warning(
            "%s: varies by less than %g, its standard deviation in the context; models of Toto 1.0 read that "
            "as nearly flat, with bands too wide: forecast it in a smaller unit, say times 1000",
            _named(flat),
            _FLAT,
        )


def _is_flat(values: Float[np.ndarray, " known"]) -> bool:
    """Whether values vary, beyond rounding, but little."""
    return len(values) > 0 and bool(1e-6 * abs(values.mean()) < values.std() < _FLAT)


def _rows(series: Sequence[RegularSeries], context: int) -> Iterator[tuple[str, np.ndarray]]:
    """The label of every row, and what the model sees of it."""
    for one in series:
        yield from zip(one.labels, one.values[:, -context:], strict=True)


def _named(labels: Sequence[str]) -> str:
    return textwrap.shorten(", ".join(labels), 60, placeholder=f" ... ({len(labels)} in all)")
