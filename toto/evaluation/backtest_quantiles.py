"""Forecasts of all windows of a task by a model of quantiles."""

from collections.abc import Iterator
from itertools import islice

from toto.evaluation.record import Settings
from toto.evaluation.task import Task, Window
from toto.inference.forecaster2 import AS_PUBLISHED, Toto2Forecaster
from toto.inference.models import Model
from toto.inference.quantile_forecast import QuantileForecast

_STEPS_AT_ONCE = 2**18  # of all variates; their quantiles, 9 numbers each, lie in memory


class QuantileForecaster:
    """A model that forecasts windows, many together; see `RollingForecaster`.

    Attributes:
        num_shared: 0: one pass gives the whole of a window, so that nothing could be shared.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self.settings = settings
        self.num_shared = 0
        self._forecaster = Toto2Forecaster(model)

    def forecasts(self, task: Task) -> Iterator[tuple[int, Window, QuantileForecast]]:
        """The place of every window in the task, the window, and its forecast."""
        windows = enumerate(task)
        most_variates = max(len(series) for series in task.series)
        at_once = max(1, _STEPS_AT_ONCE // (task.horizon * most_variates))
        while chunk := list(islice(windows, at_once)):
            histories = [window.history[:, -(self.settings.context or 0) :] for _, window in chunk]
            forecasts = self._forecaster.forecast(histories, task.horizon, **AS_PUBLISHED)
            for (place, window), forecast in zip(chunk, forecasts, strict=True):
                yield place, window, forecast
