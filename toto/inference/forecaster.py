"""Forecasts from a model: the mean path, or sample paths."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import index
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference import decoding
from toto.inference.context import Context, prepare_context
from toto.inference.forecast import Forecast
from toto.model.backbone import PredictiveDistribution, TotoBackbone
from toto.model.toto import Toto

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class TotoForecaster:
    """Forecasts of one model.

    Args:
        model: a `Toto` or its `TotoBackbone`. It is used as it is; `forecast` switches dropout off
            while it runs.
    """

    def __init__(self, model: Any) -> None:
        # torch.compile wraps a model; forecasts call its parts, which only Toto.compile compiles
        backbone = getattr(model, "_orig_mod", model)
        if isinstance(backbone, Toto):
            backbone = getattr(backbone.model, "_orig_mod", backbone.model)
        if not isinstance(backbone, TotoBackbone):
            raise InputError(
                f"model must be a Toto or its backbone, got {model!r}: load one with Toto.from_pretrained"
            )
        self.model = backbone

    def forecast(
        self,
        inputs: Any,
        prediction_length: SupportsIndex,
        num_samples: SupportsIndex | None = None,
        samples_per_batch: SupportsIndex = 10,
        use_kv_cache: bool = True,
        future_exogenous_variables: Shaped[Tensor, "*batch exogenous horizon"] | None = None,
        *,
        seed: SupportsIndex | None = None,
        series_ids: Any = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Forecast:
        """Forecast the next `prediction_length` steps of every variate.

        Args:
            inputs: the context, a `MaskedTimeseries` of one series or a batch; NaN is missing.
            prediction_length: steps to forecast.
            num_samples: sample paths to draw; None gives the mean path alone.
            samples_per_batch: paths decoded together, which bounds memory. Any number does, and
                the result does not depend on it.
            use_kv_cache: False encodes everything anew at every patch; the same numbers, slowly.
            future_exogenous_variables: known values of the covariates, the last variates of
                `inputs`, [batch, covariates, horizon]; they come back in the forecast.
            seed: makes the paths repeatable; or `generator`, or else the global random state.
            series_ids: one whole number per batch element, a list or tensor, that takes part in its
                randomness (None: its place). A series keeps its paths in any batch if it keeps its id.
            progress: called as progress(done, total) after every decoded patch.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        horizon = _count("prediction_length", prediction_length)
        context = prepare_context(inputs, self.model)
        known = _known_future(future_exogenous_variables, context, horizon)
        ids = _series_ids(series_ids, context)
        decoder = _Decoder(self.model, context, horizon, known, use_kv_cache, progress)
        with torch.no_grad(), _dropout_off(self.model):
            if num_samples is None:
                return Forecast(decoder.mean_path())
            samples = decoder.sample_paths(
                _count("num_samples", num_samples),
                _count("samples_per_batch", samples_per_batch),
                _resolve_seed(seed, generator),
                ids,
            )
        return Forecast(samples.mean(dim=-1), samples)

    def generate_mean(
        self,
        inputs: Shaped[Tensor, "*batch variates time"],
        prediction_length: SupportsIndex,
        timestamp_seconds: Tensor | None = None,
        time_interval_seconds: Tensor | None = None,
        input_padding_mask: Tensor | None = None,
        id_mask: Tensor | None = None,
        use_kv_cache: bool = False,
        future_exogenous_variables: Tensor | None = None,
        num_exogenous_variables: int = 0,
    ) -> Float[Tensor, "batch variates horizon"]:
        """The mean path, from separate tensors as toto-ts takes them; see `forecast`."""
        series = _as_series(inputs, input_padding_mask, id_mask, num_exogenous_variables)
        return self.forecast(
            series,
            prediction_length,
            use_kv_cache=use_kv_cache,
            future_exogenous_variables=future_exogenous_variables,
        ).mean

    def generate_samples(
        self,
        inputs: Shaped[Tensor, "*batch variates time"],
        prediction_length: SupportsIndex,
        num_samples: SupportsIndex,
        timestamp_seconds: Tensor | None = None,
        time_interval_seconds: Tensor | None = None,
        input_padding_mask: Tensor | None = None,
        id_mask: Tensor | None = None,
        sampling_batch_size: SupportsIndex = 10,
        use_kv_cache: bool = False,
        future_exogenous_variables: Tensor | None = None,
        num_exogenous_variables: int = 0,
    ) -> Float[Tensor, "batch variates horizon samples"]:
        """Sample paths, from separate tensors as toto-ts takes them; see `forecast`."""
        series = _as_series(inputs, input_padding_mask, id_mask, num_exogenous_variables)
        forecast = self.forecast(
            series,
            prediction_length,
            num_samples,
            sampling_batch_size,
            use_kv_cache,
            future_exogenous_variables,
        )
        assert forecast.samples is not None
        return forecast.samples

    @staticmethod
    def create_affine_transformed(
        base_distr: PredictiveDistribution, loc: Tensor, scale: Tensor
    ) -> PredictiveDistribution:
        """The distribution of loc + scale * X for X of `base_distr`: from scaled space to units.

        `base_distr` is the distribution in a `TotoOutput`.
        """
        return base_distr.affine(loc, scale)


@dataclass(frozen=True)
class _Decoder:
    """One call of the forecaster: everything that its mean path or its sample paths need."""

    model: TotoBackbone
    context: Context
    horizon: int
    known_future: Float[Tensor, "batch exogenous known_steps"] | None
    use_kv_cache: bool
    progress: Progress | None

    @property
    def num_patches(self) -> int:
        """Patches that cover the horizon."""
        return -(-self.horizon // self.model.config.patch_size)

    def mean_path(self) -> Float[Tensor, "batch variates horizon"]:
        """The path of the means."""
        state = decoding.begin(self.model, self.context)
        count = _PatchCount(self.progress, self.num_patches)
        decoded = self._decode(state, 1, decoding.take_mean, count)
        _report_replaced(decoded.num_replaced, decoded.values.numel())
        return decoded.values[:, :, 0]

    def sample_paths(
        self, num_samples: int, samples_per_batch: int, seed: int, series_ids: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch variates horizon samples"]:
        """Sample paths, decoded in chunks from one encoded context."""
        firsts = range(0, num_samples, samples_per_batch)
        count = _PatchCount(self.progress, len(firsts) * self.num_patches)
        series = self.context.series
        paths = series.new_empty(*series.shape[:2], self.horizon, num_samples)
        num_replaced = torch.zeros((), dtype=torch.long, device=series.device)
        state = decoding.begin(self.model, self.context)
        for first in firsts:
            ids = torch.arange(first, min(first + samples_per_batch, num_samples), device=series.device)
            decoded = self._decode(state, len(ids), decoding.Draw(seed, series_ids, ids), count)
            paths[..., first : first + len(ids)] = decoded.values.transpose(2, 3)
            num_replaced += decoded.num_replaced
        _report_replaced(num_replaced, paths.numel())
        return paths

    def _decode(
        self, state: decoding.DecodingState, num_branches: int, step: decoding.Step, count: "_PatchCount"
    ) -> decoding.Decoded:
        config = self.model.config
        capacity = (self.num_patches - 1) * (config.patch_size // config.stride)  # the last is not fed back
        go_on: decoding.Advance = (
            partial(decoding.advance, self.model)
            if self.use_kv_cache
            else decoding.Recompute(self.model, self.context)
        )
        branched = state.fan_out(num_branches, capacity)
        return decoding.decode(self.model, branched, self.horizon, step, go_on, self.known_future, count)


class _PatchCount:
    """Reports progress after every decoded patch."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


@contextmanager
def _dropout_off(model: TotoBackbone) -> Iterator[None]:
    """Every module in evaluation mode, and back to its own; not for several threads in training mode."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _count(name: str, value: SupportsIndex) -> int:
    number = _whole_number(value)
    if number is None or number < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    return number


def _whole_number(value: SupportsIndex) -> int | None:
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None


def _resolve_seed(seed: SupportsIndex | None, generator: torch.Generator | None) -> int:
    """The seed of a call: the one given, or one drawn from the generator or the global random state."""
    if seed is not None and generator is not None:
        raise InputError(f"give seed or generator, not both: got seed={seed} and a generator")
    if seed is not None:
        number = _whole_number(seed)
        if number is None or not 0 <= number < 2**63:
            raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}")
        return number
    device = generator.device if generator is not None else torch.device("cpu")
    return int(torch.randint(2**63 - 1, (), generator=generator, device=device))


def _series_ids(ids: Any, context: Context) -> Int[Tensor, " batch"]:
    batch = context.series.shape[0]
    try:
        given = torch.arange(batch) if ids is None else torch.as_tensor(ids)
        whole = given.dtype is not torch.bool and not (given.is_floating_point() or given.is_complex())
        numbers = given.long()
    except (TypeError, ValueError, RuntimeError):
        whole = False
    if not whole or numbers.shape != (batch,) or not bool(((numbers >= 0) & (numbers < 2**32)).all()):
        raise InputError(
            f"series_ids must be {batch} whole numbers from 0 to 2^32 - 1, one per batch element, got {ids}"
        )
    return numbers.to(context.series.device)


def _report_replaced(num_replaced: Int[Tensor, ""], num_values: int) -> None:
    if int(num_replaced):
        logger.warning(
            "%d of %d forecast values were not finite, or too large for their dtype, and are 0",
            int(num_replaced),
            num_values,
        )


def _known_future(values: Tensor | None, context: Context, horizon: int) -> Tensor | None:
    """Known values of the covariates [batch, covariates, horizon], on the device of the context."""
    if values is None:
        return None
    values = torch.as_tensor(values)
    values = values[None] if values.ndim == 2 else values
    batch, covariates = context.series.shape[0], context.num_exogenous_variables
    if covariates == 0:
        raise InputError(
            "future_exogenous_variables needs inputs with num_exogenous_variables above 0, got 0"
        )
    if values.ndim != 3 or values.shape[:2] != (batch, covariates) or values.shape[2] < horizon:
        raise InputError(
            f"future_exogenous_variables must be [batch, covariates, horizon] = "
            f"{(batch, covariates, horizon)}, or reach beyond the horizon, got {tuple(values.shape)}"
        )
    if not bool(values.isfinite().all()):
        raise InputError("future_exogenous_variables must be known at every step, got NaN or infinite values")
    return values.to(context.series)


def _as_series(
    inputs: Tensor, observed: Tensor | None, id_mask: Tensor | None, num_exogenous_variables: int
) -> MaskedTimeseries:
    series = MaskedTimeseries.from_array(inputs, observed, num_exogenous_variables=num_exogenous_variables)
    return series if id_mask is None else series._replace(id_mask=id_mask)
