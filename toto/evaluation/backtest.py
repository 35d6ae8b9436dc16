"""Backtests: forecasts of the past from rolling origins, scored against what then happened."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import is_frame
from toto.errors import InputError
from toto.evaluation.backtest_fitted import FittedForecaster, learnt_series
from toto.evaluation.backtest_origins import RollingForecaster
from toto.evaluation.backtest_quantiles import QuantileForecaster
from toto.evaluation.backtest_result import Backtest
from toto.evaluation.backtest_scores import (
    AnyForecast,
    Scores,
    WindowForecast,
    probability_integral_transform,
)
from toto.evaluation.backtest_windows import as_regular_series, rolling_windows
from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.choose import DEFAULT_CONTEXT
from toto.evaluation.evaluate import Progress, measurement
from toto.evaluation.forecaster import Target
from toto.evaluation.metrics import levels_of, metric_names
from toto.evaluation.record import Settings
from toto.evaluation.task import Task, Window
from toto.inference.arguments import count, flag, seed_number
from toto.inference.context_notes import note_flat
from toto.inference.models import Model, draws_paths, forecaster_of, load_model
from toto.inference.pipeline import TotoPipeline
from toto.inference.pipeline.arguments import history_layout
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.quantile_forecast import QuantileForecast

log = logging.getLogger(__name__)

Rolling = RollingForecaster | QuantileForecaster | FittedForecaster

PICTURE_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def backtest(
    model: Model | TotoPipeline | str | Path,
    data: Any,
    horizon: int,
    windows: int = 10,
    step: int | None = None,
    *,
    context: int | None = None,
    metrics: str | Sequence[str] = ("mase", "crps"),
    season: int | None = None,
    num_samples: int = 32,
    seed: int = 0,
    independent: bool = False,
    quantiles_from: str = "distribution",
    name: str = "backtest",
    model_name: str | None = None,
    progress: Progress | None = None,
    **layout: Any,
) -> Backtest:
    """Forecast the last windows of every series, each from the steps before it, and score the forecasts.

    A fine-tuned model forecasts as its pipeline would at each origin, from columns as in its training. The
    covariates are those in the data: of known ones also the values in the steps of the window.

    Windows that lie whole patches apart share one pass over the history where the model sees all of it, which
    gives the same forecasts; all others are forecast in batches.

    Args:
        model: a loaded model of either generation, or a pipeline; or the name of a bundled one, a folder, a
            file or a hub id.
        data: a data frame, wide or long; an array [time], [variates, time] or [batch, variates, time]; a list
            of arrays; or `RegularSeries`, with covariates if the model has some. NaN is missing. The columns
            of a wide frame see each other, and so do the variates of an array.
        horizon: steps that are forecast in each window.
        windows: of each series.
        step: steps from window to window (None: the horizon, so that they do not overlap).
        context: last steps of the history that the model sees (None: 4096; of a fine-tuned model as many
            as in training). Scores and seasonal naive use all of it.
        metrics: one or several names out of `toto.evaluation.metrics.METRICS`.
        season: steps of a season, for the MASE and seasonal naive (None: the longest natural cycle that the
            history before the first window holds twice, else 1; see `natural_season`).
        num_samples, seed: of the sample paths; models of quantiles draw none.
        independent: True forecasts every variate by itself, as if the others were not there. A fine-tuned
            model takes the columns of a frame as in its training.
        quantiles_from: "distribution", the one the paths are drawn from, or the "paths" themselves. Of models
            of quantiles it is always the levels that they predict, with exponential tails outside them.
        name, model_name: of the data and the model, for the report.
        progress: called as progress(windows done, windows in all).
        layout: of a frame, `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
            `day_first` of `TotoPipeline.forecast`.

    Raises:
        InputError: an argument that breaks a rule, or a series too short; the message names it.
        CheckpointError: no such model.
    """
    names = metric_names(metrics)
    levels = tuple(sorted({*levels_of(names), *PICTURE_LEVELS}))
    grouping = "univariate" if flag("independent", independent) else "multivariate"
    shown = model_name or (str(model) if isinstance(model, (str, Path)) else "Toto")
    num_samples, seed = count("num_samples", num_samples), seed_number(seed)
    settings = Settings(shown, context, num_samples, seed, grouping, quantiles_from)
    columns = history_layout(backtest, layout)
    if is_frame(data):
        model = _loaded(model)  # it may know what the columns are; else it is loaded when all is checked
    series = _series(data, columns, model, horizon, independent)
    whole = rolling_windows(name, series, horizon, windows, step, season)
    if independent:
        series = [part for one in series for part in one.split()]
    task = whole.by_variate() if independent else whole
    forecaster = _rolling(_loaded(model), series, settings)
    found: dict[int, WindowForecast] = {}
    started = time.perf_counter()
    for place, window, forecast in forecaster.forecasts(task):
        found[place] = _summary(window, forecast, task, levels, seed + place)
        if progress is not None:
            progress(len(found), task.num_windows)
    result = Backtest(
        series,
        measurement(whole, forecaster.settings, levels),
        levels,
        [found[place] for place in range(task.num_windows)],
        names,
        time.perf_counter() - started,
        forecaster.num_shared,
    )
    _note_unscored(result)
    return result


def _loaded(model: Model | TotoPipeline | str | Path) -> Model:
    if isinstance(model, TotoPipeline):
        return model.model
    return load_model(model) if isinstance(model, (str, Path)) else model


def _series(data: Any, layout: Layout, model: Any, horizon: int, independent: bool) -> list[RegularSeries]:
    """The series in data; of a frame as the model was trained with it, if it was fine-tuned."""
    record = _record(model) if is_frame(data) else None
    if record is None:
        return as_regular_series(data, layout)
    if independent:
        raise InputError(
            "independent: a fine-tuned model takes columns together as in its training; leave it out"
        )
    return learnt_series(record, data, layout, count("horizon", horizon))


def _record(model: Any) -> FitRecord | None:
    return FitRecord.of(forecaster_of(model).model.config)


def _rolling(model: Any, series: Sequence[RegularSeries], settings: Settings) -> Rolling:
    """What forecasts the windows of series: as a fine-tuned model does, or else in fewest passes."""
    record = _record(model)
    note_flat(model, series, settings.context or DEFAULT_CONTEXT)
    if record is not None:
        if not any(one.past is not None or one.known is not None or one.static is not None for one in series):
            record.note_unread(model.config, "backtest")
        return FittedForecaster(model, series, replace(settings, context=settings.context or record.context))
    settings = replace(settings, context=settings.context or DEFAULT_CONTEXT)
    if draws_paths(model):
        return RollingForecaster(model, settings)
    return QuantileForecaster(model, settings.of_levels())


_NAIVE = SeasonalNaive(Settings("seasonal-naive"))


def _summary(
    window: Window, forecast: AnyForecast, task: Task, levels: tuple[float, ...], seed: int
) -> WindowForecast:
    """What is kept of a forecast: its distribution would take too much memory."""
    target = Target(task.horizon, task.seasonality, levels)
    known = forecast.distribution if isinstance(forecast, QuantileForecast) else forecast
    return WindowForecast(
        window,
        known.quantile(levels)[:, 0].double().cpu().numpy(),
        probability_integral_transform(forecast, window.actual, seed),
        _NAIVE.quantiles([window.history], target, [0])[0],
    )


def _note_unscored(result: Backtest) -> None:
    if "mase" not in result.metrics:
        return
    scores = Scores(result.forecasts, result.levels, ("mase",)).of_each("mase")
    num_unscored = int(np.isnan(scores).sum())
    if num_unscored:
        log.warning(
            "MASE leaves out %d of %d forecasts: a window without known values or a constant history",
            num_unscored,
            len(scores),
        )
