"""The forecast of one batch: its mean path, or its sample paths in as many parts as memory asks for."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.inference import decoding
from toto.inference.batch import Batch
from toto.inference.budget import memory_budget
from toto.inference.distribution_recorder import DistributionRecorder
from toto.inference.forecast import Forecast
from toto.inference.memory import Demand
from toto.inference.philox import random_bits
from toto.inference.recovery import in_parts
from toto.model.backbone import TotoBackbone

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class Request(NamedTuple):
    """What is asked for, whatever the series.

    num_samples: None is the mean path. samples_per_batch: None is as many as are good.
    """

    horizon: int
    num_patches: int
    use_kv_cache: bool
    num_samples: int | None = None
    samples_per_batch: int | None = None
    seed: int = 0
    words: decoding.Words = random_bits
    keep_distribution: bool = False

    @property
    def num_paths(self) -> int:
        """Paths of each series."""
        return self.num_samples or 1

    def demand(self, model: TotoBackbone, batch: Batch) -> Demand:
        """What a batch needs of memory."""
        series = batch.context.series
        return Demand(
            model,
            model.device,
            num_rows=series.shape[:2].numel(),
            num_steps=series.shape[2],
            horizon=self.horizon,
            num_samples=self.num_samples,
            series_bytes=series.element_size(),
            use_kv_cache=self.use_kv_cache,
            keep_distribution=self.keep_distribution,
        )


class Meter:
    """Reports progress, in patches of paths."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0

    def add(self, number: int) -> None:
        """Count so many more."""
        self.done += number
        if self.progress is not None:
            self.progress(self.done, self.total)


def forecast_batch(
    model: TotoBackbone, request: Request, meter: Meter, batch: Batch, num_done: int = 0
) -> Forecast:
    """The forecast of one batch, after `num_done` series of the call."""
    meter.done = num_done * request.num_paths * request.num_patches
    forecaster = _BatchForecaster(model, batch, request, meter)
    if request.num_samples is None:
        return Forecast(forecaster.mean_path())
    return forecaster.sample_paths()


def series_at_once(model: TotoBackbone, request: Request, single: Batch, num_series: int) -> int:
    """How many of `num_series` like `single` to forecast at once."""
    demand = request.demand(model, single)
    return demand.series_at_once(num_series, request.samples_per_batch, memory_budget(model.device))


@dataclass(frozen=True)
class _BatchForecaster:
    """One batch: everything that its mean path or its sample paths need."""

    model: TotoBackbone
    batch: Batch
    request: Request
    meter: Meter

    def mean_path(self) -> Float[Tensor, "batch variates horizon"]:
        """The path of the means."""
        state = decoding.begin(self.model, self.batch.context)
        decoded = self._decode(state, 1, decoding.take_mean)
        _report_replaced(decoded.num_replaced, decoded.values.numel())
        return decoded.values[:, :, 0]

    def sample_paths(self) -> Forecast:
        """Sample paths, decoded in parts from one encoded context, and their distribution if it is kept."""
        request, series = self.request, self.batch.context.series
        known = self._known_future()
        recorder = DistributionRecorder(request.num_paths, request.horizon, series.shape[1] - known.shape[1])
        paths = series.new_empty(*series.shape[:2], request.horizon, request.num_paths)
        num_replaced = torch.zeros((), dtype=torch.long, device=series.device)
        state = decoding.begin(self.model, self.batch.context)
        done_before = self.meter.done

        def decode(first: int, end: int) -> None:
            self.meter.done = done_before + len(series) * first * self.request.num_patches
            ids = torch.arange(first, end, device=series.device)
            step: decoding.Step = decoding.Draw(request.seed, self.batch.series_ids, ids, request.words)
            if request.keep_distribution:
                step = recorder.watch(step, first)
            decoded = self._decode(state, len(ids), step)
            paths[..., first:end] = decoded.values.transpose(2, 3)
            num_replaced.add_(decoded.num_replaced)

        in_parts(request.num_paths, self._paths_at_once(), "sample paths", decode)
        _report_replaced(num_replaced, paths.numel())
        if not request.keep_distribution:
            return Forecast(paths.mean(dim=-1), paths)
        distribution = recorder.result(known)
        return Forecast(distribution.mean, paths, distribution)

    def _decode(
        self, state: decoding.DecodingState, num_branches: int, step: decoding.Step
    ) -> decoding.Decoded:
        config, context = self.model.config, self.batch.context
        num_fed_back = self.request.num_patches - 1  # the last patch is not
        go_on: decoding.Advance = (
            partial(decoding.advance, self.model)
            if self.request.use_kv_cache
            else decoding.Recompute(self.model, context)
        )
        return decoding.decode(
            self.model,
            state.fan_out(num_branches, num_fed_back * (config.patch_size // config.stride)),
            self.request.horizon,
            step,
            go_on,
            self.batch.known_future,
            partial(self.meter.add, len(context.series) * num_branches),
        )

    def _known_future(self) -> Float[Tensor, "batch exogenous horizon"]:
        """The values of covariates that are known, of none if none are."""
        if self.batch.known_future is None:
            return self.batch.context.series.new_empty(len(self.batch.series_ids), 0, self.request.horizon)
        return self.batch.known_future

    def _paths_at_once(self) -> int:
        demand = self.request.demand(self.model, self.batch)
        return demand.paths_at_once(self.request.samples_per_batch, memory_budget(self.model.device))


def _report_replaced(num_replaced: Int[Tensor, ""], num_values: int) -> None:
    if int(num_replaced):
        logger.warning(
            "%d of %d forecast values were not finite, or too large for their dtype, and are 0",
            int(num_replaced),
            num_values,
        )
