"""Scores of a model in windows at the end of every series of a dataset, pooled window by window."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from toto.data.forecast_frame import FrameKind
from toto.data.items import Items
from toto.data.regular_series import RegularSeries
from toto.data.table import import_pandas
from toto.data.time_grid import EvenGrid
from toto.errors import InputError
from toto.evaluation.metrics import Tally
from toto.evaluation.task import Window
from toto.inference.forecaster import TotoForecaster
from toto.inference.pipeline.inputs import Inputs
from toto.inference.pipeline.run import forecast_inputs
from toto.inference.pipeline.settings import ForecastSettings

TEST_SHARE = 0.1  # of every series, its end


class _Place(NamedTuple):
    """Where a window is: its number within the series, the series, and its first step."""

    number: int
    item: int
    origin: int


def evaluate_model(
    model: Any,
    dataset: Items,
    context_length: int,
    prediction_length: int,
    seasonality: int,
    stride: int | None = None,
    add_exogenous_variables: bool = False,
    num_samples: int = 256,
    samples_per_batch: int | None = None,
    seed: int = 0,
) -> Any:
    """Forecast sliding windows in the last tenth of every series, and score them.

    Args:
        model: whose `model` is a backbone: `Toto`, `TotoForFinetuning`.
        dataset: series; see `transform_fev_dataset`.
        context_length: steps before a window that the model sees.
        prediction_length: steps of a window.
        seasonality: steps of a season, for the scale of MASE.
        stride: steps from window to window (None: `prediction_length`).
        add_exogenous_variables: give the model the covariates, those of the window included.
        num_samples: sample paths.
        samples_per_batch: for code of toto-ts; the memory there is decides.
        seed: makes the scores repeatable.

    Returns:
        A data frame of pandas with a row for each window, over all series: `abs_error` (the sum of absolute
        errors of the median), `mean_wQuantileLoss` and `MASE`.

    Raises:
        InputError: no series is long enough, or one has no covariates where they are asked for.
    """
    places = list(_places(dataset, prediction_length, stride or prediction_length))
    series = [_before(dataset[p.item], p.origin, prediction_length, add_exogenous_variables) for p in places]
    tallies: dict[int, Tally] = {}
    for place in places:
        tallies.setdefault(place.number, Tally(("mae", "crps", "mase")))
    levels = next(iter(tallies.values())).levels
    settings = ForecastSettings(
        prediction_length, context_length, num_samples, levels, seed, keep_samples=False
    )
    num_rows = sum(len(one.variates) for one in series)
    inputs = Inputs(series, list(range(len(series))), (num_rows,), FrameKind())
    forecast = forecast_inputs(TotoForecaster(model.model), inputs, settings)
    quantiles = forecast.quantile(levels).double().numpy()
    counts, first = dict.fromkeys(tallies, 0), 0
    for place, one in zip(places, series, strict=True):
        actual = dataset[place.item]["target"][:, place.origin : place.origin + prediction_length]
        window = Window(place.item, one.values, actual, seasonality)
        tallies[place.number].add(window, quantiles[:, first : first + len(actual)])
        counts[place.number] += int(np.isfinite(actual).sum())
        first += len(actual)
    rows = [_row(tallies[number].scores(), counts[number]) for number in sorted(tallies)]
    return import_pandas().DataFrame(rows)


def aggregate_results(results: Any) -> dict[str, float]:
    """The median of every metric over the windows of `evaluate_model`."""
    rows: Sequence[Mapping[str, float]] = results.to_dict("records")
    return {name: median(row[name] for row in rows) for name in rows[0]}


def _places(dataset: Items, horizon: int, stride: int) -> Iterator[_Place]:
    found = False
    for item, target in enumerate(dataset["target"]):
        end = target.shape[1]
        first = min(end - math.ceil(TEST_SHARE * end), end - horizon)
        for number, origin in enumerate(range(first, end - horizon + 1, stride) if first > 0 else ()):
            found = True
            yield _Place(number, item, origin)
    if not found:
        raise InputError(f"dataset: no series is longer than the {horizon} steps of a window")


def _before(item: Mapping[str, Any], origin: int, horizon: int, covariates: bool) -> RegularSeries:
    """A series up to a window, with what is known of the window."""
    if covariates and "feat_dynamic_real" not in item:
        raise InputError("add_exogenous_variables needs series with feat_dynamic_real: name ev_fields")
    values = item["target"][:, :origin]
    names = tuple(f"target {place}" for place in range(len(values)))
    known = item["feat_dynamic_real"][:, : origin + horizon] if covariates else None
    return RegularSeries(values, names, EvenGrid(0, 1), time_column="step", known=known)


def _row(scores: Mapping[str, float], num_values: int) -> dict[str, float]:
    return {
        "abs_error": scores["mae"] * num_values,
        "mean_wQuantileLoss": scores["crps"],
        "MASE": scores["mase"],
    }
