"""Do before the first request what only a first forecast does."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from toto.data.layout import Layout
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.compilation import num_compilations
from toto.inference.pipeline import TotoPipeline
from toto.inference.pipeline.arguments import DECILES, DEFAULT_CONTEXT
from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.pipeline.inputs import read_inputs
from toto.inference.pipeline.run import forecast_inputs
from toto.inference.pipeline.settings import ForecastSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForecastShape:
    """The size of a forecast.

    horizon: steps; None: two patches of the model, so that decoding is met as well.
    num_variates: of each series; they see each other.
    num_series: that do not see each other.
    """

    context: int = 512
    horizon: int | None = None
    num_variates: int = 1
    num_samples: int = 32
    num_series: int = 1

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: a size that is no whole number of at least 1.
        """
        for name, value in vars(self).items():
            if name != "horizon" or value is not None:
                count(name, value)

    def __str__(self) -> str:
        """In words."""
        horizon = "two patches" if self.horizon is None else self.horizon
        size = f"{self.num_variates} x {self.context} -> {horizon}, {self.num_samples} paths"
        return size if self.num_series == 1 else f"{self.num_series} series of {size}"


STANDARD = (ForecastShape(), ForecastShape(num_variates=3, num_series=2))
THOROUGH = (
    *STANDARD,
    ForecastShape(context=16, horizon=1),
    ForecastShape(num_samples=256),
    ForecastShape(num_series=32),
    ForecastShape(context=4096),
    ForecastShape(context=4096, num_variates=7),
)


@dataclass(frozen=True)
class WarmupReport:
    """What a warm-up did; of each shape the seconds and the graphs that were compiled for it."""

    shapes: tuple[ForecastShape, ...]
    seconds_by_shape: tuple[float, ...]
    compilations_by_shape: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(self.seconds_by_shape)

    @property
    def num_compilations(self) -> int:
        """Graphs that were compiled."""
        return sum(self.compilations_by_shape)

    def __str__(self) -> str:
        """In one line, for a log."""
        return (
            f"warm-up: {self.seconds:.2f} s, {self.num_compilations} compilations, "
            f"{len(self.shapes)} forecasts"
        )


def warmup(
    pipeline: TotoPipeline,
    shapes: Iterable[ForecastShape],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmupReport:
    """Forecast made-up series of each shape, once.

    That arranges weights as products want them, compiles if the pipeline does, loads libraries, and lets
    memory grow to what such forecasts take. A service gives the shapes that it will be asked for.

    Args:
        pipeline: to be used by the service.
        shapes: sizes of forecasts.
        clock: tells seconds; on a busy machine `time.process_time`, that of the processor.

    Raises:
        InputError: no shape, or something else.
    """
    chosen = tuple(shapes) if isinstance(shapes, Iterable) else ()
    if not all(isinstance(shape, ForecastShape) for shape in chosen) or not isinstance(shapes, Iterable):
        raise InputError(f"shapes must be a list of ForecastShape, got {shapes!r}")
    if not chosen:
        raise InputError("shapes must hold at least one ForecastShape, got none")
    runs = [_run(pipeline, shape, clock) for shape in chosen]
    report = WarmupReport(chosen, tuple(run[0] for run in runs), tuple(run[1] for run in runs))
    log.info("%s", report)
    return report


def standard_warmup(pipeline: TotoPipeline) -> WarmupReport:
    """Forecast one series of 512 steps, and two series of three variates; of them all that compiles is met.

    Forecasts of other sizes may still be a little slower the first time, while memory grows: give their
    sizes to `warmup`, or use `thorough_warmup`.
    """
    return warmup(pipeline, STANDARD)


def thorough_warmup(pipeline: TotoPipeline) -> WarmupReport:
    """Forecast short and long contexts, one and many series, few and many paths, twice each."""
    return warmup(pipeline, THOROUGH * 2)


def _run(pipeline: TotoPipeline, shape: ForecastShape, clock: Callable[[], float]) -> tuple[float, int]:
    """Seconds and compilations of a forecast of made-up series."""
    horizon = 2 * pipeline.model.config.patch_size if shape.horizon is None else shape.horizon
    size = (shape.num_series, shape.num_variates, shape.context)
    walks = np.random.default_rng(0).normal(size=size).cumsum(-1).astype(np.float32)
    compiled = num_compilations()
    start = clock()
    forecast_arrays(pipeline, walks, horizon, shape.num_samples, seed=0).quantile(0.1)
    return clock() - start, num_compilations() - compiled


def forecast_arrays(
    pipeline: TotoPipeline, values: Float[np.ndarray, "..."], horizon: int, num_samples: int, seed: int
) -> PipelineForecast:
    """A forecast of variates that see each other, by a fine-tuned model too: its covariates are left out."""
    context = DEFAULT_CONTEXT if pipeline.record is None else pipeline.record.context
    inputs = read_inputs(values, Layout(together=True), None, 0)
    return forecast_inputs(
        pipeline.forecaster, inputs, ForecastSettings(horizon, context, num_samples, DECILES, seed)
    )
