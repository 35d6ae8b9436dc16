"""The forecast of one batch: its mean path, or its sample paths in as many parts as memory asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from toto.inference import decoding
from toto.inference.batch import Batch
from toto.inference.distribution_recorder import DistributionRecorder
from toto.inference.forecast import Forecast
from toto.inference.joint_draws import JointDraw, correlation_roots
from toto.inference.memory.budget import memory_budget
from toto.inference.memory.demand import Demand
from toto.inference.memory.plan import paths_at_once
from toto.inference.memory.recovery import in_parts
from toto.inference.progress import Meter
from toto.inference.request import Request
from toto.model.backbone import TotoBackbone


class BatchForecast(NamedTuple):
    """A forecast, and how many of its values were extreme and are 0 instead."""

    forecast: Forecast
    num_replaced: int


def forecast_batch(model: TotoBackbone, request: Request, meter: Meter, batch: Batch) -> BatchForecast:
    """The forecast of all series of a batch at once."""
    forecaster = _BatchForecaster(model, batch, request, meter)
    return forecaster.mean_path() if request.num_samples is None else forecaster.sample_paths()


def demand(model: TotoBackbone, request: Request, like: Batch, num_series: int) -> Demand:
    """What a forecast of `num_series` series like those of a batch needs of memory."""
    _, num_variates, num_steps = like.context.series.shape
    return Demand(
        model,
        model.device,
        num_series,
        num_variates,
        num_steps,
        horizon=request.horizon,
        num_samples=request.num_samples,
        series_bytes=like.context.series.element_size(),
        use_kv_cache=request.use_kv_cache,
        keep_distribution=request.keep_distribution,
        joint_draws=request.joint_draws,
    )


@dataclass(frozen=True)
class _BatchForecaster:
    """One batch: everything that its mean path or its sample paths need."""

    model: TotoBackbone
    batch: Batch
    request: Request
    meter: Meter

    def mean_path(self) -> BatchForecast:
        """The path of the means."""
        state = decoding.begin(self.model, self.batch.context)
        decoded = self._decode(state, 1, decoding.take_mean)
        return BatchForecast(Forecast(decoded.values[:, :, 0]), int(decoded.num_replaced))

    def sample_paths(self) -> BatchForecast:
        """Sample paths, decoded in parts from one encoded context, and their distribution if it is kept."""
        request, series = self.request, self.batch.context.series
        known = self._known_future()
        recorder = DistributionRecorder(request.num_paths, request.horizon, series.shape[1] - known.shape[1])
        paths = series.new_empty(*series.shape[:2], request.horizon, request.num_paths)
        num_replaced = torch.zeros((), dtype=torch.long, device=series.device)
        state = decoding.begin(self.model, self.batch.context)
        draw: Callable[[decoding.Randomness], decoding.Step] = decoding.Draw
        if request.joint_draws:
            draw = partial(JointDraw, roots=correlation_roots(self.model, self.batch.context))
        done_before, patches_of_a_path = self.meter.done, len(series) * self._num_patches

        def decode(first: int, end: int) -> None:
            self.meter.done = done_before + first * patches_of_a_path
            ids = torch.arange(first, end, device=series.device)
            step = draw(decoding.Randomness(request.seed, self.batch.series_ids, ids, request.words))
            if request.keep_distribution:
                step = recorder.watch(step, first)
            decoded = self._decode(state, len(ids), step)
            paths[..., first:end] = decoded.values.transpose(2, 3)
            num_replaced.add_(decoded.num_replaced)

        in_parts(request.num_paths, self._paths_at_once(), "sample paths", decode)
        if not request.keep_distribution:
            return BatchForecast(Forecast(paths.mean(dim=-1), paths), int(num_replaced))
        distribution = recorder.result(known)
        return BatchForecast(Forecast(distribution.mean, paths, distribution), int(num_replaced))

    def _decode(
        self, state: decoding.DecodingState, num_branches: int, step: decoding.Step
    ) -> decoding.Decoded:
        config = self.model.config
        num_fed_back = self._num_patches - 1  # the last patch is not
        go_on: decoding.Advance = (
            partial(decoding.advance, self.model)
            if self.request.use_kv_cache
            else decoding.Recompute(self.model, self.batch.context)
        )
        return decoding.decode(
            self.model,
            state.fan_out(num_branches, num_fed_back * (config.patch_size // config.stride)),
            self.request.horizon,
            step,
            go_on,
            self.batch.known_future,
            partial(self.meter.add, self.batch.num_series * num_branches),
        )

    @property
    def _num_patches(self) -> int:
        return self.request.num_patches(self.model.config.patch_size)

    def _known_future(self) -> Float[Tensor, "batch exogenous horizon"]:
        """The values of covariates that are known, of none if none are."""
        if self.batch.known_future is None:
            return self.batch.context.series.new_empty(self.batch.num_series, 0, self.request.horizon)
        return self.batch.known_future

    def _paths_at_once(self) -> int:
        needed = demand(self.model, self.request, self.batch, self.batch.num_series)
        return paths_at_once(needed, self.request.samples_per_batch, memory_budget(self.model.device))
