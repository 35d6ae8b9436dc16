"""Tensors in, tensors out, for code in the style of other pipelines."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex

import numpy as np
from jaxtyping import Float
from torch import Tensor

from toto.data.layout import Layout
from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.forecaster2 import AS_PUBLISHED, Toto2Forecaster
from toto.inference.models import Forecaster
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.pipeline.forecast import checked_levels
from toto.inference.pipeline.inputs import read_inputs
from toto.inference.pipeline.reading import Reading
from toto.inference.pipeline.rows import TAILS
from toto.inference.pipeline.sampled import fills_gaps
from toto.inference.quantile_forecast import check_levels
from toto.model2.toto2 import LEVELS

Paths = Float[Tensor, "samples *variates horizon"]
Quantiles = Float[Tensor, "*variates horizon levels"]
Means = Float[Tensor, "*variates horizon"]

ENOUGH_PATHS = 32  # whose distributions give quantiles as close as 256 drawn values do


def predict_paths(
    forecaster: Forecaster,
    context: Any,
    prediction_length: SupportsIndex,
    num_samples: SupportsIndex,
    samples_per_batch: SupportsIndex | Literal["auto"],
    seed: SupportsIndex | None,
) -> list[Paths]:
    """See `TotoPipeline.predict`."""
    if isinstance(forecaster, Toto2Forecaster):
        raise InputError(
            "predict draws sample paths, and this model predicts quantiles of every step by itself: call "
            "predict_quantiles, or forecast(...).quantile(...)"
        )
    entries = _entries(context)
    horizon = count("prediction_length", prediction_length)
    forecasts = forecaster.forecast(
        _seen(forecaster, entries, horizon),
        horizon,
        count("num_samples", num_samples),
        samples_per_batch,
        seed=seed,
    )
    paths = [forecast.samples[0].movedim(-1, 0).cpu() for forecast in forecasts]  # type: ignore[index]
    return [some[:, 0] if np.ndim(entry) == 1 else some for some, entry in zip(paths, entries, strict=True)]


def predict_quantiles(
    forecaster: Forecaster,
    context: Any,
    prediction_length: SupportsIndex,
    levels: Sequence[float],
    seed: SupportsIndex | None,
) -> tuple[list[Quantiles], list[Means]]:
    """See `TotoPipeline.predict_quantiles`."""
    entries = _entries(context)
    horizon, wanted = count("prediction_length", prediction_length), checked_levels("quantile_levels", levels)
    seen = _seen(forecaster, entries, horizon)
    if isinstance(forecaster, Toto2Forecaster):
        check_levels("quantile_levels", wanted, LEVELS, f"call forecast: {TAILS}")
        forecasts: Any = forecaster.forecast(seen, horizon, **AS_PUBLISHED)
    else:
        forecasts = forecaster.forecast(
            seen, horizon, ENOUGH_PATHS, seed=seed, variance_reduction=True, keep_distribution=True
        )
    quantiles = [forecast.quantile(list(wanted))[:, 0].movedim(0, -1).cpu() for forecast in forecasts]
    means = [forecast.mean[0].cpu() for forecast in forecasts]
    flat = [np.ndim(entry) == 1 for entry in entries]
    return (
        [some[0] if one else some for some, one in zip(quantiles, flat, strict=True)],
        [some[0] if one else some for some, one in zip(means, flat, strict=True)],
    )


def _seen(
    forecaster: Forecaster, entries: list[Any], horizon: int
) -> list[Float[np.ndarray, "variates steps"]]:
    """What the model reads of each series: as many steps, and gaps filled alike, as in `forecast`."""
    config = forecaster.model.config
    context = (FitRecord.of(config) or FitRecord()).context
    interpolate = not isinstance(forecaster, Toto2Forecaster) and fills_gaps(forecaster, "auto")
    reading = Reading(config.patch_size, context, horizon, interpolate)
    return [reading.seen(one) for one in read_inputs(entries, Layout(together=True), None, 0).series]


def _entries(context: Any) -> list[Any]:
    """The series of a context.

    Raises:
        InputError: there are none, or nothing that is a series.
    """
    listed = isinstance(context, (list, tuple)) and not isinstance(context, MaskedTimeseries)
    num_axes = _num_axes(context[0]) + 1 if listed and len(context) else _num_axes(context)
    if num_axes > 0 and len(context) == 0:
        raise InputError("context must hold at least one series, got none")
    entries = [context] if num_axes == 1 else list(context) if num_axes > 1 else []
    if not entries or (num_axes > 1 and not all(_num_axes(entry) in (1, 2) for entry in entries)):
        raise InputError(
            "context must be one series [time], several [batch, time] or [batch, variates, time], or a list "
            f"of series [time] or [variates, time], got {type(context).__name__}: for data frames and all "
            "else call forecast"
        )
    return entries


def _num_axes(values: Any) -> int:
    """Of a number 0; -1 of what is not an array of them."""
    if isinstance(values, MaskedTimeseries) or hasattr(values, "columns"):
        return -1
    try:
        return np.ndim(values)
    except ValueError:  # lists of different lengths
        return -1
