"""Forecasts from a model of the second generation, for series of any kind."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, SupportsIndex, overload

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Shaped
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.many import is_list
from toto.inference.memory import TOKENS_AT_ONCE, TOKENS_AT_ONCE_ON_GPU
from toto.inference.quantile_forecast import QuantileForecast
from toto.model2.toto2 import LEVELS, Toto2Model


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

        Returns:
            The forecast; for a list one of batch size 1 for each series, in the same order.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        horizon = count("prediction_length", prediction_length)
        as_list = is_list(inputs)
        make = _each_of_list if as_list else _each_of_batch
        series = make(inputs, future_exogenous_variables, horizon)
        found: dict[int, Tensor] = {}
        for places in self._parts(series, horizon):
            part = _joined([series[place] for place in places])
            quantiles = self.model.forecast(
                part.as_inputs(),
                horizon,
                decode_block_size,
                scaler_fallback_min_obs=scaler_fallback_min_obs,
                quantile_real_cap_k=quantile_real_cap_k,
            )
            whole = torch.cat([quantiles, part.known(horizon).expand(len(LEVELS), -1, -1, -1)], dim=2)
            found.update(zip(places, whole.movedim(0, -1).split(1), strict=True))
        if not as_list:
            return QuantileForecast(torch.cat([found[place] for place in range(len(series))]), LEVELS)
        # copies: views would keep the whole part, in files too
        return [QuantileForecast(found[place].clone(), LEVELS) for place in range(len(series))]

    def _parts(self, series: "Sequence[_Series]", horizon: int) -> Iterator[list[int]]:
        """The places of the series that are forecast together: of one kind, similarly long, not too many."""
        most = TOKENS_AT_ONCE if self.model.device.type == "cpu" else TOKENS_AT_ONCE_ON_GPU
        part: list[int] = []
        for place in sorted(range(len(series)), key=lambda p: (series[p].kind, series[p].num_steps)):
            one = series[place]
            num_patches = (one.num_steps + horizon) // self.model.config.patch_size + 2
            tokens = (len(part) + 1) * one.values.shape[1] * num_patches
            if part and (series[part[0]].kind != one.kind or tokens > most):
                yield part
                part = []
            part.append(place)
        if part:
            yield part


class _Series(NamedTuple):
    """Series of one shape; time goes on into the horizon if covariates are known there.

    num_steps: of the context.
    num_known: how many of the last variates are such covariates.
    """

    values: Shaped[Tensor, "batch variates time"]
    observed: Bool[Tensor, "batch variates time"]
    group_ids: Shaped[Tensor, "batch variates"]
    num_steps: int
    num_known: int

    @property
    def kind(self) -> tuple[int, int, int, bool]:
        """What series of one part have in common."""
        wide = self.values.dtype is torch.float64
        return self.values.shape[1], self.num_known, self.values.shape[2] - self.num_steps, wide

    def as_inputs(self) -> dict[str, Tensor]:
        """The tensors that `Toto2Model.forecast` takes."""
        num_targets = self.values.shape[1] - self.num_known
        inputs = {
            "target": self.values[:, :num_targets, : self.num_steps],
            "target_mask": self.observed[:, :num_targets, : self.num_steps],
            "series_ids": self.group_ids[:, :num_targets],
        }
        if self.num_known:
            inputs["known_dynamic"] = self.values[:, num_targets:]
            inputs["known_dynamic_mask"] = self.observed[:, num_targets:]
            inputs["known_dynamic_series_ids"] = self.group_ids[:, num_targets:]
        return inputs

    def known(self, horizon: int) -> Shaped[Tensor, "batch covariates horizon"]:
        """The future of the covariates, NaN where it is not known."""
        future = slice(self.num_steps, self.num_steps + horizon)
        covariates = slice(self.values.shape[1] - self.num_known, None)
        if not self.num_known:
            return self.values.new_empty(len(self.values), 0, horizon)
        return self.values[:, covariates, future].masked_fill(
            ~self.observed[:, covariates, future], torch.nan
        )


def _each_of_batch(inputs: Any, futures: Any, horizon: int) -> list[_Series]:
    """The series of a `MaskedTimeseries`, each by itself."""
    batch = _checked(inputs, futures, horizon)
    values, observed, ids = (t.split(1) for t in batch[:3])
    return [
        _Series(*one, batch.num_steps, batch.num_known) for one in zip(values, observed, ids, strict=True)
    ]


def _each_of_list(inputs: Sequence[Any], futures: Any, horizon: int) -> list[_Series]:
    """The series of a list; an error says which."""
    all_futures = [None] * len(inputs) if futures is None else futures
    if not is_list(all_futures) or len(all_futures) != len(inputs):
        raise InputError(
            f"future_exogenous_variables must be a list of {len(inputs)} entries, each the values of a "
            f"series or None, got {len(futures) if is_list(futures) else type(futures).__name__}"
        )
    found = []
    for place, (entry, future) in enumerate(zip(inputs, all_futures, strict=True)):
        try:
            one = entry if isinstance(entry, MaskedTimeseries) else MaskedTimeseries.from_array(entry)
            found.append(_checked(one, future, horizon))
        except InputError as error:
            raise InputError(f"inputs[{place}]: {error}") from error
        if len(found[-1].values) != 1:
            raise InputError(
                f"inputs[{place}] must be one series, [time] or [variates, time], "
                f"got a batch of {len(found[-1].values)}"
            )
    return found


def _checked(inputs: Any, future: Any, horizon: int) -> _Series:
    """A `MaskedTimeseries`, with the future of its covariates behind it if that is given."""
    if not isinstance(inputs, MaskedTimeseries):
        raise InputError(
            f"inputs must be a MaskedTimeseries, or a list of series, got {type(inputs).__name__}: "
            "make one with MaskedTimeseries.from_array(values)"
        )
    series, mask, ids = (
        t[None] if t.ndim == 2 else t for t in (inputs.series, inputs.padding_mask, inputs.id_mask)
    )
    if series.ndim != 3 or 0 in series.shape or mask.shape != series.shape:
        raise InputError(
            "series must be [variates, time] or [batch, variates, time] with at least one step of one "
            f"variate, and padding_mask alike, got {tuple(series.shape)} and {tuple(mask.shape)}"
        )
    if not series.is_floating_point():
        series = series.double()  # float32 would round counters beyond 2^24
    by_step = ids.expand(series.shape)
    if bool((by_step != by_step[..., :1]).any()):
        raise InputError("id_mask must be constant along time: a variate is in one group throughout")
    observed, num_steps = mask.bool() & series.isfinite(), series.shape[-1]
    if future is None:
        return _Series(series, observed, by_step[..., 0], num_steps, 0)
    num_known = inputs.num_exogenous_variables
    after = _future(future, series, num_known, horizon)
    values, known = torch.cat([series, after], -1), torch.cat([observed, after.isfinite()], -1)
    return _Series(values, known, by_step[..., 0], num_steps, num_known)


def _future(
    values: Any, series: Shaped[Tensor, "batch variates time"], num_covariates: int, horizon: int
) -> Shaped[Tensor, "batch variates horizon"]:
    """What is known of the horizon, NaN where nothing is."""
    try:
        known = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"future_exogenous_variables must be an array of numbers: {error}") from error
    known = known[None] if known.ndim == 2 else known
    batch, variates, _ = series.shape
    if not 0 < num_covariates < variates:
        raise InputError(
            "future_exogenous_variables needs inputs with num_exogenous_variables above 0, and a variate to "
            f"forecast, got {num_covariates} of {variates} variates"
        )
    if known.ndim != 3 or known.shape[:2] != (batch, num_covariates):
        raise InputError(
            "future_exogenous_variables must be [batch, covariates, steps] = "
            f"{(batch, num_covariates, horizon)}, or fewer steps, got {tuple(known.shape)}"
        )
    after = series.new_full((batch, variates, horizon), torch.nan)
    steps = min(horizon, known.shape[-1])
    after[:, variates - num_covariates :, :steps] = known[..., :steps].to(after)
    return after


def _joined(series: Sequence[_Series]) -> _Series:
    """Series of one kind in one batch, padded on the left to one length."""
    longest = max(one.num_steps for one in series)
    values = torch.cat([F.pad(one.values, (longest - one.num_steps, 0)) for one in series])
    observed = torch.cat([F.pad(one.observed, (longest - one.num_steps, 0)) for one in series])
    return _Series(
        values, observed, torch.cat([one.group_ids for one in series]), longest, series[0].num_known
    )
