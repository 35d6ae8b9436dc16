"""How good a model forecasts the part that is held out, by the same calls that will use it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from toto.data.forecast_frame import FrameKind
from toto.data.interpolation import interpolated
from toto.data.regular_series import RegularSeries
from toto.inference.models import Model, forecaster_of
from toto.inference.pipeline.inputs import Inputs
from toto.inference.pipeline.run import forecast_rows
from toto.inference.pipeline.settings import ForecastSettings

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MAX_WINDOWS = 128
NUM_SAMPLES = 16


@dataclass(frozen=True)
class Validation:
    """Forecasts of `horizon` steps from origins behind the training targets.

    The score is the mean of the quantile losses at `LEVELS` (twice the pinball loss: at the median the
    absolute error), in mean absolute deviations of each series: a proper score of what `forecast` returns, in
    which series of all units count the same.

    contexts: the series up to each origin.
    actual: the steps behind it; NaN does not count.
    scales: of every target, the mean absolute deviation in the training part.
    overlap: how many windows a step lies in; so many of them say about as much as one alone.
    """

    horizon: int
    contexts: list[RegularSeries]
    actual: list[Float[np.ndarray, "_variates horizon"]]
    scales: list[Float[np.ndarray, " _variates"]]
    overlap: float

    @classmethod
    def of(cls, series: Sequence[RegularSeries], ends: Sequence[int], horizon: int) -> "Validation":
        """Windows at even distances in what follows the training part, `MAX_WINDOWS` of them at most."""
        starts = [max(end, horizon) for end in ends]  # of a series that begins late, not its first steps
        rooms = [
            max(0, one.values.shape[1] - horizon - start + 1)
            for one, start in zip(series, starts, strict=True)
        ]
        step = max(1, min(horizon, sum(rooms) // 16), -(-sum(rooms) // MAX_WINDOWS))
        chosen = [
            (one, end, origin)
            for one, end, start, room in zip(series, ends, starts, rooms, strict=True)
            for origin in range(start, start + room, step)
            if np.isfinite(one.values[:, origin : origin + horizon]).any()
        ]
        every = max(1, -(-len(chosen) // MAX_WINDOWS))
        chosen = chosen[::every]  # of many series not the first ones alone
        return cls(
            horizon,
            [_with_known(one.until(origin, horizon)) for one, _, origin in chosen],
            [one.values[:, origin : origin + horizon] for one, _, origin in chosen],
            [_scales(one.values, end) for one, end, _ in chosen],
            max(1.0, horizon / (step * every)),
        )

    def without_covariates(self) -> "Validation":
        """The same windows for a model that does not know of covariates."""
        contexts = [replace(one, past=None, known=None, static=None) for one in self.contexts]
        return replace(self, contexts=contexts)

    def losses(self, model: Model, context: int) -> Float[np.ndarray, " windows"]:
        """The loss of a model in every window, each forecast from its last `context` steps."""
        settings = ForecastSettings(self.horizon, context, NUM_SAMPLES, LEVELS, seed=0, keep_samples=False)
        counts = [len(one.values) for one in self.contexts]
        inputs = Inputs(self.contexts, list(range(len(counts))), (sum(counts),), FrameKind())
        rows = forecast_rows(forecaster_of(model), inputs, settings)
        predicted = np.stack([rows.quantile(level).numpy() for level in LEVELS])
        of_windows = np.split(predicted, np.cumsum(counts)[:-1], axis=1)
        return np.array([self._loss(place, found) for place, found in enumerate(of_windows)])

    def _loss(self, place: int, predicted: Float[np.ndarray, "levels variates horizon"]) -> float:
        error = self.actual[place] - predicted
        levels = np.array(LEVELS)[:, None, None]
        losses = 2 * np.maximum(levels * error, (levels - 1) * error) / self.scales[place][:, None]
        return float(np.nanmean(losses))


def is_better(
    losses: Float[np.ndarray, " windows"], untouched: Float[np.ndarray, " windows"], overlap: float
) -> bool:
    """Whether losses are lower than those of the untouched model by more than the error of the difference.

    Args:
        overlap: of the windows, see `Validation`. The error is that of as many as do not overlap.
    """
    gain = untouched - losses
    error = gain.std(ddof=1) * np.sqrt(overlap / len(gain)) if len(gain) > 1 else 0.0
    return bool(gain.mean() > error)


def _with_known(context: RegularSeries) -> RegularSeries:
    """A context whose known covariates have no gaps: a forecast takes none."""
    if context.known is None:
        return context
    return replace(context, known=np.nan_to_num(interpolated(context.known)))


def _scales(values: Float[np.ndarray, "variates time"], end: int) -> Float[np.ndarray, " variates"]:
    """The mean absolute deviation of each row up to the end; of the whole where it is 0, and else 1."""
    scales = _deviations(values[:, :end])
    scales = np.where(scales > 0, scales, _deviations(values))
    return np.where(scales > 0, scales, 1.0)


def _deviations(values: Float[np.ndarray, "variates time"]) -> Float[np.ndarray, " variates"]:
    if values.shape[1] == 0:
        return np.zeros(len(values))
    known = np.ma.masked_invalid(values)
    return np.ma.filled(np.abs(known - known.mean(axis=1, keepdims=True)).mean(axis=1), 0.0)
