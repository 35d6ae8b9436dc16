"""Tensors in, tensors out, for code in the style of other pipelines."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex

import numpy as np
from jaxtyping import Float
from torch import Tensor

from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.forecast_distribution import quantile_levels
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.models import Forecaster

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
    forecasts = forecaster.forecast(
        entries, prediction_length, count("num_samples", num_samples), samples_per_batch, seed=seed
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
    wanted = quantile_levels(levels).reshape(-1).tolist()
    if isinstance(forecaster, Toto2Forecaster):
        forecasts: Any = forecaster.forecast(entries, prediction_length)
    else:
        forecasts = forecaster.forecast(
            entries,
            prediction_length,
            ENOUGH_PATHS,
            seed=seed,
            variance_reduction=True,
            keep_distribution=True,
        )
    quantiles = [forecast.quantile(wanted)[:, 0].movedim(0, -1).cpu() for forecast in forecasts]
    means = [forecast.mean[0].cpu() for forecast in forecasts]
    flat = [np.ndim(entry) == 1 for entry in entries]
    return (
        [some[0] if one else some for some, one in zip(quantiles, flat, strict=True)],
        [some[0] if one else some for some, one in zip(means, flat, strict=True)],
    )


def _entries(context: Any) -> list[Any]:
    """The series of a context.

    Raises:
        InputError: there are none.
    """
    if len(context) == 0:
        raise InputError("context must hold at least one series, got none")
    single = np.ndim(context) == 1 if hasattr(context, "ndim") else np.ndim(context[0]) == 0
    return [context] if single else list(context)
