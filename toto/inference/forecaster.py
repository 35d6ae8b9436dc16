"""Forecasts from a model: the mean path, or sample paths."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference import decoding
from toto.inference.context import Context, prepare_context
from toto.inference.forecast import Forecast
from toto.model.backbone import PredictiveDistribution, TotoBackbone
from toto.model.toto import Toto

Progress = Callable[[int, int], None]


class TotoForecaster:
    """Forecasts of one model.

    Args:
        model: a `Toto` or its backbone. It is used as it is; `forecast` switches dropout off
            while it runs.
    """

    def __init__(self, model: TotoBackbone | Toto) -> None:
        self.model: TotoBackbone = model.model if isinstance(model, Toto) else model

    def forecast(
        self,
        inputs: MaskedTimeseries,
        prediction_length: int,
        num_samples: int | None = None,
        samples_per_batch: int = 10,
        use_kv_cache: bool = True,
        future_exogenous_variables: Shaped[Tensor, "*batch exogenous horizon"] | None = None,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Forecast:
        """Forecast the next `prediction_length` steps of every variate.

        Args:
            inputs: the context, [variates, time] or [batch, variates, time]; NaN is missing.
            prediction_length: steps to forecast.
            num_samples: sample paths to draw; None gives the mean path alone.
            samples_per_batch: paths decoded together, which bounds memory. Any number does, and
                the result does not depend on it.
            use_kv_cache: False encodes everything anew at every patch; the same numbers, slowly.
            future_exogenous_variables: known values of the covariates, the last variates of
                `inputs`, [batch, covariates, horizon]; they come back in the forecast.
            seed: makes the paths repeatable; or `generator`, or else the global random state.
            progress: called as progress(done, total) after every decoded patch.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        _check_count("prediction_length", prediction_length)
        context = prepare_context(inputs, self.model)
        known = _known_future(future_exogenous_variables, context, prediction_length)
        if num_samples is None:
            return Forecast(self._mean_path(context, prediction_length, use_kv_cache, known, progress))
        _check_count("num_samples", num_samples)
        _check_count("samples_per_batch", samples_per_batch)
        samples = self._sample_paths(
            context,
            prediction_length,
            num_samples,
            min(samples_per_batch, num_samples),
            use_kv_cache,
            known,
            _resolve_seed(seed, generator),
            progress,
        )
        return Forecast(samples.mean(dim=-1), samples)

    def generate_mean(
        self,
        inputs: Shaped[Tensor, "*batch variates time"],
        prediction_length: int,
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
        prediction_length: int,
        num_samples: int,
        timestamp_seconds: Tensor | None = None,
        time_interval_seconds: Tensor | None = None,
        input_padding_mask: Tensor | None = None,
        id_mask: Tensor | None = None,
        sampling_batch_size: int = 10,
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

    def _mean_path(
        self,
        context: Context,
        horizon: int,
        use_kv_cache: bool,
        known: Tensor | None,
        progress: Progress | None,
    ) -> Float[Tensor, "batch variates horizon"]:
        count = _PatchCount(progress, self._num_patches(horizon))
        with torch.no_grad(), _dropout_off(self.model):
            state = decoding.begin(self.model, context).fan_out(1, self._capacity(horizon))
            advance = self._advance(context, use_kv_cache)
            return decoding.decode(self.model, state, horizon, decoding.take_mean, advance, known, count)[
                :, :, 0
            ]

    def _sample_paths(
        self,
        context: Context,
        horizon: int,
        num_samples: int,
        samples_per_batch: int,
        use_kv_cache: bool,
        known: Tensor | None,
        seed: int,
        progress: Progress | None,
    ) -> Float[Tensor, "batch variates horizon samples"]:
        firsts = range(0, num_samples, samples_per_batch)
        count = _PatchCount(progress, len(firsts) * self._num_patches(horizon))
        paths = context.series.new_empty(*context.series.shape[:2], horizon, num_samples)
        with torch.no_grad(), _dropout_off(self.model):
            start = decoding.begin(self.model, context)
            for first in firsts:
                ids = torch.arange(first, min(first + samples_per_batch, num_samples), device=paths.device)
                state = start.fan_out(len(ids), self._capacity(horizon))
                advance = self._advance(context, use_kv_cache)
                draw = decoding.Draw(seed, ids)
                values = decoding.decode(self.model, state, horizon, draw, advance, known, count)
                paths[..., first : first + len(ids)] = values.transpose(2, 3)
        return paths

    def _advance(self, context: Context, use_kv_cache: bool) -> decoding.Advance:
        if use_kv_cache:
            return partial(decoding.advance, self.model)
        return decoding.Recompute(self.model, context)

    def _num_patches(self, horizon: int) -> int:
        return -(-horizon // self.model.config.patch_size)

    def _capacity(self, horizon: int) -> int:
        """Tokens that a branch appends: those of every patch but the last."""
        tokens_per_patch = self.model.config.patch_size // self.model.config.stride
        return (self._num_patches(horizon) - 1) * tokens_per_patch


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
    was_training = model.training
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")


def _resolve_seed(seed: int | None, generator: torch.Generator | None) -> int:
    """The seed of a call: the one given, or one drawn from the generator or the global random state."""
    if seed is not None and generator is not None:
        raise InputError(f"give seed or generator, not both: got seed={seed} and a generator")
    if seed is not None:
        if not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}")
        return seed
    device = generator.device if generator is not None else torch.device("cpu")
    return int(torch.randint(2**63 - 1, (), generator=generator, device=device))


def _known_future(values: Tensor | None, context: Context, horizon: int) -> Tensor | None:
    """Known values of the covariates [batch, covariates, horizon], on the device of the context."""
    if values is None:
        return None
    values = values[None] if values.ndim == 2 else values
    batch, covariates = context.series.shape[0], context.num_exogenous_variables
    if covariates == 0:
        raise InputError(
            "future_exogenous_variables needs inputs with num_exogenous_variables above 0, got 0"
        )
    if values.ndim != 3 or values.shape[:2] != (batch, covariates) or values.shape[2] < horizon:
        raise InputError(
            f"future_exogenous_variables must be [batch, covariates, horizon] = "
            f"{(batch, covariates, horizon)}, got {tuple(values.shape)}"
        )
    if not bool(values.isfinite().all()):
        raise InputError("future_exogenous_variables must be known at every step, got NaN or infinite values")
    return values.to(context.series)


def _as_series(
    inputs: Tensor, observed: Tensor | None, id_mask: Tensor | None, num_exogenous_variables: int
) -> MaskedTimeseries:
    series = MaskedTimeseries.from_array(inputs, observed, num_exogenous_variables=num_exogenous_variables)
    return series if id_mask is None else series._replace(id_mask=id_mask)
