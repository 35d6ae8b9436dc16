"""Forecasts from a model of the second generation, for series of any kind."""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex, overload

import torch
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference import many
from toto.inference.arguments import count
from toto.inference.batch import Batch, partly_known_values, warn_of_empty_variates, whole_ids
from toto.inference.call2 import Call2, Plan2
from toto.inference.context import Context, whole_patches
from toto.inference.memory.budget import memory_budget
from toto.inference.memory.demand2 import Demand2
from toto.inference.memory.estimate import MemoryEstimate, series_bytes
from toto.inference.progress import Meter, Progress
from toto.inference.quantile_forecast import QuantileForecast
from toto.model2.toto2 import LEVELS, Toto2Model

# Options with which the published GluonTS wrapper forecasts, and its scores were measured.
AS_PUBLISHED: Mapping[str, Any] = {"scaler_fallback_min_obs": 8, "quantile_real_cap_k": 1e4}


class Toto2Forecaster:
    """Forecasts of one model.

    Args:
        model: a `Toto2Model`.
    """

    def __init__(self, model: Any) -> None:
        if not isinstance(model, Toto2Model):
            raise InputError(
                f"model must be a Toto2Model, got {type(model).__name__}: load one with "
                "Toto2Model.from_pretrained"
            )
        self.model = model

    # the arguments of both are those of the implementation
    @overload
    def forecast(
        self, inputs: MaskedTimeseries, prediction_length: SupportsIndex, *arguments: Any, **options: Any
    ) -> QuantileForecast: ...

    @overload
    def forecast(
        self, inputs: Sequence[Any], prediction_length: SupportsIndex, *arguments: Any, **options: Any
    ) -> list[QuantileForecast]: ...

    def forecast(
        self,
        inputs: Any,
        prediction_length: SupportsIndex,
        decode_block_size: SupportsIndex | None = None,
        future_exogenous_variables: Any = None,
        *,
        scaler_fallback_min_obs: SupportsIndex = 0,
        quantile_real_cap_k: float = 0.0,
        progress: Progress | None = None,
    ) -> QuantileForecast | list[QuantileForecast]:
        """Forecast the next `prediction_length` steps of every variate.

        Args:
            inputs: the context, a `MaskedTimeseries` of one series or a batch; NaN is missing. Or a list
                of series of any lengths: [time] or [variates, time] each, in arrays, tensors or lists,
                or a `MaskedTimeseries`. They do not influence each other; they are forecast together,
                which is faster than one by one and gives the same to rounding.
            prediction_length: steps to forecast.
            decode_block_size, scaler_fallback_min_obs, quantile_real_cap_k: as in `Toto2Model.forecast`.
            future_exogenous_variables: values of the covariates, the last variates of `inputs`, as far into
                the horizon as they are known, [batch, covariates, steps]; NaN where they are not. They come
                back in the forecast. For a list, a list with [covariates, steps] or None for each series.
            progress: called as progress(done, total) after every part, in patches of the horizon of all
                series.

        Returns:
            The forecast; for a list one of batch size 1 for each series, in the same order.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        horizon = count("prediction_length", prediction_length)
        plan = Plan2(horizon, decode_block_size, scaler_fallback_min_obs, quantile_real_cap_k)
        as_list = many.is_list(inputs)
        batches = self._batches(inputs, future_exogenous_variables, horizon, as_list)
        warn_of_empty_variates(batches, "inputs[{}]" if as_list else "batch {}")
        num_patches = -(-horizon // self.model.config.patch_size)
        found = Call2(self.model, plan, Meter(progress, len(batches) * num_patches)).quantiles(batches)
        if not as_list:
            return QuantileForecast(torch.cat(found), LEVELS)
        return [QuantileForecast(quantiles, LEVELS) for quantiles in found]

    def estimate_memory(
        self,
        *,
        context_length: SupportsIndex,
        prediction_length: SupportsIndex,
        num_variates: SupportsIndex = 1,
        batch_size: SupportsIndex = 1,
        decode_block_size: SupportsIndex | None = None,
        series_dtype: torch.dtype | str = torch.float32,
    ) -> MemoryEstimate:
        """The memory that `forecast` has in use for series of one length, to about a quarter.

        On a processor a process may hold more: glibc keeps up to four fifths of `prefill` of what was freed.

        Args:
            context_length, prediction_length, num_variates, batch_size, decode_block_size: of the forecast.
            series_dtype: of the forecast; float64 if the series are in float64 or whole numbers.

        Raises:
            InputError: no dtype, or a size that is no whole number of at least 1.
        """
        steps, number = count("context_length", context_length), count("batch_size", batch_size)
        horizon = count("prediction_length", prediction_length)
        block = horizon if decode_block_size is None else count("decode_block_size", decode_block_size)
        demand = Demand2(
            self.model,
            number,
            count("num_variates", num_variates),
            horizon,
            min(block, horizon),
            series_bytes(series_dtype),
        )
        budget, at_once = memory_budget(self.model.device), 1
        while at_once < number and demand.together(steps, at_once + 1, budget):
            at_once += 1
        return demand.estimate(steps, at_once)

    def _batches(self, inputs: Any, futures: Any, horizon: int, as_list: bool) -> list[Batch]:
        """Every series by itself, checked, on the device of the model."""

        def prepare(series: Any, future: Any) -> tuple[Context, Tensor | None]:
            size = self.model.config.patch_size
            context = whole_patches(series, size, size, self.model.device)
            if bool((context.group_ids != context.group_ids[..., :1]).any()):
                raise InputError("id_mask must be constant along time: a variate is in one group throughout")
            return context, partly_known_values(future, context, horizon)

        if as_list:
            prepared = many.each_series(inputs, futures, prepare)
            ids = whole_ids(None, len(prepared), self.model.device)
            return [Batch(*one, ids[place : place + 1]) for place, one in enumerate(prepared)]
        context, known = prepare(inputs, futures)
        together = Batch(context, known, whole_ids(None, len(context.series), self.model.device))
        return [together.part(place, place + 1) for place in range(together.num_series)]
