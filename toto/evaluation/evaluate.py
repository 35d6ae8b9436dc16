"""The evaluator: forecasts of every window of a task, scored as they come."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import toto
from toto.errors import InputError
from toto.evaluation.forecaster import Forecaster, Target
from toto.evaluation.metrics import METRICS, AnyQuantiles, Tally
from toto.evaluation.record import Measurement, Settings
from toto.evaluation.task import AnySeries, Task, Window

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

_STEPS_AT_ONCE = 2**15  # forecast steps of all variates; times the samples, the numbers held in memory


@dataclass(frozen=True)
class Result:
    """Scores, and the record of what they were measured on.

    scores: by the name of the metric, over all windows.
    num_forecasts: variates of all windows.
    seconds: spent on forecasting them, without scoring.
    """

    measurement: Measurement
    scores: dict[str, float]
    num_forecasts: int
    seconds: float

    @property
    def seconds_per_100(self) -> float:
        """Seconds per 100 forecasts, of one variate each."""
        return 100 * self.seconds / self.num_forecasts

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; a score that is not defined is None."""
        scores = {name: score if math.isfinite(score) else None for name, score in self.scores.items()}
        return {
            "measurement": self.measurement.to_dict(),
            "scores": scores,
            "num_forecasts": self.num_forecasts,
            "seconds": round(self.seconds, 3),
        }


def evaluate(
    task: Task,
    forecaster: Forecaster,
    metrics: str | Sequence[str] = tuple(METRICS),
    progress: Progress | None = None,
) -> Result:
    """Forecast every window of a task and score the forecasts, in one pass.

    Args:
        task: the windows.
        forecaster: a model or a baseline.
        metrics: names out of `METRICS`.
        progress: called as progress(windows done, windows in all).

    Raises:
        InputError: no forecaster, a metric of unknown name, or what the forecaster does not take.
    """
    if not isinstance(forecaster, Forecaster):
        raise InputError(
            f"forecaster must have settings and quantiles(...), got {forecaster!r:.60}: make one with "
            "make_forecaster(Settings(name of a model))"
        )
    tally = Tally(metrics)
    stopwatch = Stopwatch(forecaster)
    for window, quantiles in forecast_windows(task, stopwatch, tally.levels, progress=progress):
        tally.add(window, quantiles)
    if tally.num_without_scale:
        log.warning(
            "%s: MASE leaves out %d of %d forecasts, whose history never changes from season to season",
            task.name,
            tally.num_without_scale,
            task.num_forecasts,
        )
    record = measurement(task, forecaster.settings, tally.levels)
    return Result(record, tally.scores(), task.num_forecasts, stopwatch.seconds)


def measurement(task: Task, settings: Settings, levels: tuple[float, ...]) -> Measurement:
    """The record of an evaluation."""
    return Measurement(
        task=task.name,
        units=task.units,
        num_series=len(task.series),
        num_variates=task.num_variates,
        windows=task.windows,
        num_windows=task.num_windows,
        horizon=task.horizon,
        seasonality=task.seasonality,
        quantile_levels=levels,
        settings=settings,
        toto_version=toto.__version__,
    )


def forecast_windows(
    task: Task,
    forecaster: Forecaster,
    levels: tuple[float, ...],
    first_id: int = 0,
    progress: Progress | None = None,
) -> Iterator[tuple[Window, AnyQuantiles]]:
    """Every window of a task with its forecast, many windows forecast together.

    Args:
        task: the windows.
        forecaster: a model or a baseline.
        levels: quantile levels of the forecasts.
        first_id: what the ids of randomness start from.
        progress: called as progress(windows done, windows in all).
    """
    target = Target(task.horizon, task.seasonality, levels)
    context = forecaster.settings.context or 0  # -0: all steps
    windows, done = iter(task), 0
    most_variates = max(len(series) for series in task.series)
    at_once = max(1, _STEPS_AT_ONCE // (task.horizon * most_variates))
    while chunk := list(islice(windows, at_once)):
        ids = []
        for window in chunk:
            ids.append(first_id)
            first_id += len(window.history)
        histories = [window.history[:, -context:] for window in chunk]
        yield from zip(chunk, forecaster.quantiles(histories, target, ids), strict=True)
        done += len(chunk)
        if progress is not None:
            progress(done, task.num_windows)


class Stopwatch:
    """A forecaster, and the seconds it took so far."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.settings = forecaster.settings
        self.seconds = 0.0
        self._forecaster = forecaster

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """See `Forecaster`."""
        started = time.perf_counter()
        found = self._forecaster.quantiles(histories, target, ids)
        self.seconds += time.perf_counter() - started
        return found
