"""How much of a forecast to do at once, and how much memory that takes."""

from dataclasses import replace
from typing import Any, Literal, SupportsIndex

import torch

from toto.errors import InputError
from toto.inference.arguments import count, count_or_auto, flag, shown, torch_device
from toto.inference.memory.budget import memory_budget, tokens_at_once
from toto.inference.memory.demand import Demand
from toto.inference.memory.estimate import MemoryEstimate, room_for_parts, series_bytes
from toto.inference.memory.recovery import equal_part
from toto.model.backbone import TotoBackbone
from toto.model.config import TotoConfig
from toto.model.precision import resolve_precision, set_precision
from toto.model.toto import Toto


def estimate_memory(
    model: Any,
    *,
    context_length: SupportsIndex,
    prediction_length: SupportsIndex,
    num_variates: SupportsIndex = 1,
    batch_size: SupportsIndex = 1,
    num_samples: SupportsIndex | None = None,
    samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
    use_kv_cache: bool = True,
    keep_distribution: bool = False,
    joint_draws: bool = False,
    series_dtype: torch.dtype | str = torch.float32,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
) -> MemoryEstimate:
    """The memory that `TotoForecaster.forecast` needs, to about a fifth.

    What is asked of the forecast then is not in it: `quantile` keeps a sorted copy of the sample paths, and
    takes 8 bytes for every value while it sorts.

    Args:
        model: a `Toto`, its backbone, or a `TotoConfig`.
        context_length, prediction_length, num_variates, batch_size: sizes of the forecast.
        num_samples, samples_per_batch, use_kv_cache, keep_distribution, joint_draws: as in the forecast; what
            "auto" gives depends on the memory that is free now.
        series_dtype: of the forecast; float64 if the series are in float64 or whole numbers.
        dtype, device: of the weights (None: as they are; of a configuration, float32 on the host). A dtype
            is given as for `Toto.from_pretrained`, by its name if you like.

    Raises:
        InputError: no model, no dtype or device, or a size that is no whole number of at least 1.
    """
    backbone = _backbone(model)
    place = torch_device("device", device or ("cpu" if backbone.device.type == "meta" else backbone.device))
    if dtype is not None:
        backbone = _without_weights(backbone.config, resolve_precision(dtype, place, "dtype"))
    steps, config = count("context_length", context_length), backbone.config
    demand = Demand(
        backbone,
        place,
        num_series=count("batch_size", batch_size),
        num_variates=count("num_variates", num_variates),
        num_steps=steps + -steps % (config.patch_size if steps < config.patch_size else config.stride),
        horizon=count("prediction_length", prediction_length),
        num_samples=None if num_samples is None else count("num_samples", num_samples),
        series_bytes=series_bytes(series_dtype),
        use_kv_cache=flag("use_kv_cache", use_kv_cache),
        keep_distribution=flag("keep_distribution", keep_distribution),
        joint_draws=flag("joint_draws", joint_draws),
    )
    at_most, budget = count_or_auto("samples_per_batch", samples_per_batch), memory_budget(place)
    series = series_at_once(demand, at_most, budget)
    return demand.estimate(series, paths_at_once(replace(demand, num_series=series), at_most, budget))


def series_at_once(demand: Demand, at_most: int | None, budget: int) -> int:
    """How many of the series to forecast at once, each with as many paths as one alone would have.

    So many that a pass through the layers has enough tokens on average, of contexts and of paths, and that
    fit the budget beside the results of all.
    """
    single = replace(demand, num_series=1)
    paths = paths_at_once(single, at_most, budget)
    tokens = demand.context_tokens + (demand.num_patches - 1) * paths * demand.step_tokens
    fast = tokens_at_once(demand.device) * demand.num_patches // (demand.num_variates * tokens)
    one = single.estimate(1, paths)
    room = room_for_parts(budget) - demand.num_series * one.results
    fitting = room // (one.prefill + one.shared_cache + one.own_cache + one.step + one.results)
    return equal_part(demand.num_series, max(1, min(fast, int(fitting))))


def paths_at_once(demand: Demand, at_most: int | None, budget: int) -> int:
    """How many paths of all the series to decode at once, in equal parts; at most `at_most`, if it is given.

    Else as many as are fast and fit the budget.
    """
    if at_most is None:
        one = demand.estimate(demand.num_series, 1)
        room = room_for_parts(budget) - one.prefill - one.shared_cache - one.results
        at_most = int(room) // (one.own_cache + one.step)
        if demand.appended:  # else no path runs through the layers
            rows = demand.num_series * demand.num_variates
            at_most = min(at_most, tokens_at_once(demand.device) // (rows * demand.step_tokens))
    return equal_part(demand.num_samples or 1, max(1, at_most))


def _backbone(model: Any) -> TotoBackbone:
    """The backbone of a model as it is; of a configuration, one without weights."""
    backbone = model.model if isinstance(model, Toto) else model
    if isinstance(backbone, TotoConfig):
        return _without_weights(backbone, torch.float32)
    if not isinstance(backbone, TotoBackbone):
        raise InputError(
            f"model must be a Toto, its backbone or a TotoConfig, got {shown(model)}: for a Toto2Model call "
            "Toto2Forecaster(model).estimate_memory"
        )
    return backbone


def _without_weights(config: TotoConfig, dtype: torch.dtype) -> TotoBackbone:
    with torch.device("meta"):
        backbone = TotoBackbone(config)
    set_precision(backbone, dtype)
    return backbone
