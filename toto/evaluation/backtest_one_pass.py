"""Forecasts from many origins of one series that share a single pass over its history.

Attention and scaling are causal: what a model knows after k patches of a long history is what it knows after
a history that ends there, if both start at the same step and their patches have the same edges.
"""

import copy
from functools import partial

import torch

from toto.data.masked_timeseries import MaskedTimeseries
from toto.evaluation.task import Series
from toto.inference.context import prepare_context
from toto.inference.decoding import Decoded, DecodingState, Draw, Randomness, Step, Window, advance, decode
from toto.inference.distribution_recorder import DistributionRecorder
from toto.inference.forecast import Forecast
from toto.inference.memory.budget import tokens_at_once
from toto.inference.memory.recovery import in_parts
from toto.model.backbone import TotoBackbone
from toto.model.cache import KVCache


class OnePass:
    """One pass over a history, from whose patches forecasts branch off.

    Args:
        backbone: the model, in evaluation mode.
        history: [variates, time] in units, NaN where missing; the variates see each other.
    """

    @torch.no_grad()
    def __init__(self, backbone: TotoBackbone, history: Series) -> None:
        self._backbone = backbone
        self._context = prepare_context(MaskedTimeseries.from_array(history), backbone)
        self._num_steps = history.shape[1]
        self._statistics, _ = backbone.scaler.begin(self._context.series, self._context.observed)
        branch = Window(self._context.series, self._context.observed, self._statistics)
        x = backbone.embed(*branch.each(lambda t: t[:, :, None]))
        if backbone.num_prepended_tokens:
            groups = backbone.patch_groups(self._context.group_ids)
            x, _ = backbone.prepend_labels(x, groups, 0)
        self._cache = KVCache(x.shape[3])
        self._hidden = backbone.transformer(x, None, self._cache)

    def state_at(self, origin: int) -> DecodingState | None:
        """What decoding starts from after the first `origin` steps; None where a plain pass would differ.

        It would not where patches have the same edges, and the scaler, which is asked, scales these steps as
        it does without those that follow.
        """
        backbone = self._backbone
        patch_size, stride = backbone.config.patch_size, backbone.config.stride
        end = self._context.series.shape[-1] - (self._num_steps - origin)
        if (self._num_steps - origin) % stride or end < patch_size or origin < patch_size:
            return None
        series, observed = self._context.series[..., :end], self._context.observed[..., :end]
        statistics, scaling = backbone.scaler.begin(series, observed)
        whole = [statistic[..., :end] for statistic in self._statistics]
        if not all(torch.allclose(*pair, rtol=1e-9, atol=0) for pair in zip(statistics, whole, strict=True)):
            return None
        num_tokens = backbone.patch_embed.num_patches(end) + backbone.num_prepended_tokens
        cache = copy.copy(self._cache)  # of the same buffers, which branches only read
        cache.own_length = num_tokens
        window = Window(series, observed, statistics).each(lambda t: t[:, :, None]).last(patch_size)
        hidden = self._hidden[..., num_tokens - 1, :]
        return DecodingState(cache, scaling.with_branch_axis(), window, hidden, None)

    @torch.no_grad()
    def forecast(
        self, state: DecodingState, horizon: int, num_samples: int, seed: int, series_id: int
    ) -> Forecast:
        """Paths from `state` and their distribution: those of `TotoForecaster.forecast` at its origin."""
        backbone, series = self._backbone, self._context.series
        variates = series.shape[1]
        recorder = DistributionRecorder(num_samples, horizon, variates)
        paths = series.new_empty(1, variates, horizon, num_samples)
        ids = torch.tensor([series_id], device=series.device)

        def draw(first: int, end: int) -> None:
            branches = torch.arange(first, end, device=series.device)
            step = recorder.watch(Draw(Randomness(seed, ids, branches)), first)
            paths[..., first:end] = _branch_off(backbone, state, end - first, horizon, step).values.transpose(
                2, 3
            )

        in_parts(num_samples, max(1, tokens_at_once(series.device) // variates), "sample paths", draw)
        distribution = recorder.result(series.new_empty(1, 0, horizon))
        return Forecast(distribution.mean, paths, distribution)


def _branch_off(
    backbone: TotoBackbone, state: DecodingState, num_branches: int, horizon: int, step: Step
) -> Decoded:
    config = backbone.config
    num_fed_back = -(-horizon // config.patch_size) - 1  # patches; the last one is not
    branches = state.fan_out(num_branches, num_fed_back * (config.patch_size // config.stride))
    return decode(backbone, branches, horizon, step, partial(advance, backbone))
