"""Whether a warm-up leaves nothing to do: cold forecasts against warm ones."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Float

from toto.data.array_series import finite_rows
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.compilation import num_compilations
from toto.inference.pipeline import TotoPipeline
from toto.inference.warmup import STANDARD, ForecastShape, WarmupReport, forecast_arrays, warmup

log = logging.getLogger(__name__)

Values = Float[np.ndarray, "variates steps"]


@dataclass(frozen=True)
class WarmupCheck:
    """Cold against warm forecasts of one series.

    cold_seconds: of the first forecast.
    warm_seconds: of each later one.
    cold_error: mean absolute error of the median of the first forecast, in units of the series.
    warm_errors: the same of each later one, which draws other paths. The first of them draws those of the
        cold forecast.
    largest_difference: between the medians of these two, which should be the same, in units of the series.
    warmup: what was done between cold and warm.
    num_recompilations: graphs that the later forecasts still compiled.
    """

    cold_seconds: float
    warm_seconds: tuple[float, ...]
    cold_error: float
    warm_errors: tuple[float, ...]
    largest_difference: float
    warmup: WarmupReport
    num_recompilations: int

    @property
    def speed_up(self) -> float:
        """Cold latency over the median of the warm ones; 1 if the pipeline had been warm before."""
        return self.cold_seconds / float(np.median(self.warm_seconds))

    @property
    def latency_cv(self) -> float:
        """Standard deviation of warm latency over its mean."""
        return _variation(self.warm_seconds)

    @property
    def error_cv(self) -> float:
        """Standard deviation of the warm errors over their mean: what other paths change."""
        return _variation(self.warm_errors)

    @property
    def effective(self) -> bool:
        """Whether nothing was compiled any more, and no warm forecast took as long as 3 usual ones."""
        return not self.num_recompilations and max(self.warm_seconds) < 3 * float(
            np.median(self.warm_seconds)
        )

    def __str__(self) -> str:
        """In three lines."""
        return (
            f"latency: cold {self.cold_seconds:.3g} s, warm {np.median(self.warm_seconds):.3g} s, "
            f"coefficient of variation {self.latency_cv:.2f}\n"
            f"error: cold {self.cold_error:.4g}, warm {np.mean(self.warm_errors):.4g}, "
            f"coefficient of variation {self.error_cv:.3f}; "
            f"the same paths differ by {self.largest_difference:.2g}\n"
            f"{self.warmup}; {self.num_recompilations} recompilations after it"
        )


def verify_warmup_effectiveness(
    pipeline: TotoPipeline,
    series: Any,
    horizon: SupportsIndex | None = None,
    *,
    num_samples: SupportsIndex = 32,
    num_runs: SupportsIndex = 10,
    shapes: Sequence[ForecastShape] = STANDARD,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmupCheck:
    """Forecast the end of a series cold, warm up, and forecast it again and again.

    The first forecast is cold if the pipeline has just been loaded. If it is warm already, cold and warm
    agree, which shows that its warm-up serves forecasts of this size.

    Args:
        pipeline: just loaded, or warm.
        series: real values [time] or [variates, time]; variates see each other. NaN is missing.
        horizon: so many of its last steps are held back and forecast; None: two patches of the model, so
            that the paths matter.
        num_samples: sample paths.
        num_runs: warm forecasts, each of other paths.
        shapes: of the warm-up.
        clock: tells seconds; on a busy machine `time.process_time`, that of the processor.

    Raises:
        InputError: an argument that breaks a rule.
    """
    steps = 2 * pipeline.model.config.patch_size if horizon is None else count("horizon", horizon)
    runs = count("num_runs", num_runs)
    values = finite_rows("series", series)
    if values.shape[1] <= steps:
        raise InputError(
            f"series must have more than the {steps} steps that are held back, got {values.shape[1]}"
        )
    if not np.isfinite(values[:, -steps:]).any():
        raise InputError(f"series must have a value among its last {steps} steps, which are held back")
    history, actual = values[:, :-steps], values[:, -steps:]
    trial = _Trial(pipeline, history, actual, count("num_samples", num_samples), clock)
    cold = trial.run(seed=0)
    done = warmup(pipeline, shapes, clock=clock)
    compiled = num_compilations()
    warm = [trial.run(seed) for seed in range(runs)]
    check = WarmupCheck(
        cold.seconds,
        tuple(run.seconds for run in warm),
        cold.error,
        tuple(run.error for run in warm),
        float(np.abs(warm[0].median - cold.median).max()),
        done,
        num_compilations() - compiled,
    )
    log.info("%s", check)
    return check


class _Run(NamedTuple):
    """Latency, mean absolute error and median of a forecast."""

    seconds: float
    error: float
    median: Values


class _Trial(NamedTuple):
    """A series to forecast, and what came."""

    pipeline: TotoPipeline
    history: Values
    actual: Values
    num_samples: int
    clock: Callable[[], float]

    def run(self, seed: int) -> _Run:
        """One forecast."""
        start = self.clock()
        steps = self.actual.shape[1]
        median = forecast_arrays(self.pipeline, self.history, steps, self.num_samples, seed).median.numpy()
        seconds = self.clock() - start
        errors = np.abs(median - self.actual)
        return _Run(seconds, float(errors[np.isfinite(errors)].mean()), median)


def _variation(values: Sequence[float]) -> float:
    """The coefficient of variation of values that are at least 0; 0 where all are 0."""
    mean = float(np.mean(values))
    return float(np.std(values)) / mean if mean > 0 else 0.0
