"""One call of `forecast`: any number of series, in parts that are fast and fit in memory."""

import logging
from collections.abc import Callable

from torch import Tensor

from toto.inference.batch import Batch
from toto.inference.batch_forecast import demand, forecast_batch
from toto.inference.forecast import Forecast
from toto.inference.memory.budget import memory_budget
from toto.inference.memory.plan import series_at_once
from toto.inference.memory.recovery import in_parts
from toto.inference.progress import Meter, Progress
from toto.inference.request import Request
from toto.model.backbone import TotoBackbone

logger = logging.getLogger(__name__)


class Call:
    """What is asked for, and what is counted over all series.

    Args:
        num_series: of the whole call, for `progress`.
    """

    def __init__(
        self, model: TotoBackbone, request: Request, progress: Progress | None, num_series: int
    ) -> None:
        self.model = model
        self.request = request
        self._patches_of_a_series = request.num_paths * request.num_patches(model.config.patch_size)
        self._meter = Meter(progress, num_series * self._patches_of_a_series)
        self._num_values = 0
        self._num_replaced = 0

    def forecast(self, batch: Batch) -> Forecast:
        """The forecast of a batch."""
        whole = _Whole(batch.num_series)
        self.in_parts(batch.num_series, batch.part, whole.put)
        return whole.forecast()

    def in_parts(
        self, num_series: int, batch: Callable[[int, int], Batch], keep: Callable[[int, Forecast], None]
    ) -> None:
        """Forecast series of one shape, as many at once as are fast and fit; fewer where memory runs out.

        Args:
            num_series: how many there are.
            batch: called as batch(first, end); the series of that range.
            keep: called as keep(first, forecast) with the forecast of every part, in their order.
        """
        done_before = self._meter.done

        def run(first: int, end: int) -> None:
            self._meter.done = done_before + first * self._patches_of_a_series
            forecast, num_replaced = forecast_batch(self.model, self.request, self._meter, batch(first, end))
            keep(first, forecast)
            self._num_values += (forecast.mean if forecast.samples is None else forecast.samples).numel()
            self._num_replaced += num_replaced

        needed = demand(self.model, self.request, batch(0, 1), num_series)
        budget = memory_budget(self.model.device)
        in_parts(num_series, series_at_once(needed, self.request.samples_per_batch, budget), "series", run)

    def report_replaced(self) -> None:
        """Log how many values were replaced, if any were."""
        if self._num_replaced:
            logger.warning(
                "%d of %d forecast values were not finite, or too large for their dtype, and are 0",
                self._num_replaced,
                self._num_values,
            )


class _Whole:
    """The forecast of a batch, put together from forecasts of its parts, each copied as it comes."""

    def __init__(self, num_series: int) -> None:
        self._num_series = num_series
        self._forecast: Forecast | None = None

    def put(self, first: int, part: Forecast) -> None:
        """Keep the forecast of the series from `first` on."""
        if len(part.mean) == self._num_series:
            self._forecast = part
            return
        if self._forecast is None:
            self._forecast = part.each(lambda t: t.new_empty(self._num_series, *t.shape[1:]))
        for whole, values in zip(_tensors(self._forecast), _tensors(part), strict=True):
            whole[first : first + len(values)] = values

    def forecast(self) -> Forecast:
        """The forecast, once all parts are there."""
        assert self._forecast is not None
        return self._forecast


def _tensors(forecast: Forecast) -> list[Tensor]:
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    forecast.each(keep)
    return found
