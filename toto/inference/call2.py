"""One call of a forecast by quantiles: series of any lengths, in parts that are fast and fit in memory."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.inference.batch import Batch
from toto.inference.memory.budget import memory_budget
from toto.inference.memory.demand2 import Demand2
from toto.inference.memory.recovery import in_parts_of_size
from toto.inference.progress import Meter
from toto.model2.toto2 import LEVELS, Toto2Model

logger = logging.getLogger(__name__)

Quantiles = Float[Tensor, "batch variates horizon levels"]


class Plan2(NamedTuple):
    """What is asked for, whatever the series; the arguments of `Toto2Model.forecast`."""

    horizon: int
    decode_block_size: Any = None
    scaler_fallback_min_obs: Any = 0
    quantile_real_cap_k: float = 0.0


class Call2:
    """Forecasts of series one by one and together, as many at once as are fast and fit.

    Series of other lengths share a part: the model takes missing steps before a series for what they are.
    """

    def __init__(self, model: Toto2Model, plan: Plan2, meter: Meter) -> None:
        self.model = model
        self.plan = plan
        self._meter = meter
        self._num_patches = -(-plan.horizon // model.config.patch_size)
        self._num_values = 0
        self._num_not_finite = 0

    def quantiles(self, singles: Sequence[Batch]) -> list[Quantiles]:
        """The quantiles of batches of one series each, in their order."""
        found: dict[int, Quantiles] = {}
        kinds: dict[Any, list[int]] = {}
        for place, one in enumerate(singles):
            kinds.setdefault(_kind(one), []).append(place)
        for places in kinds.values():
            places.sort(key=lambda place: singles[place].context.series.shape[-1])
            self._of_one_kind([singles[place] for place in places], places, found)
        if self._num_not_finite:
            logger.warning(
                "%d of %d forecast quantiles are not finite: the series are too large for their dtype",
                self._num_not_finite,
                self._num_values,
            )
        return [found[place] for place in range(len(singles))]

    def _of_one_kind(
        self, singles: Sequence[Batch], places: Sequence[int], found: dict[int, Quantiles]
    ) -> None:
        """Series of one kind, from the shortest to the longest; each result is a copy of its own."""
        demand, budget = self._demand(singles), memory_budget(self.model.device)
        done_before = self._meter.done

        def size(first: int, at_most: int) -> int:
            """As many as are fast and fit; the last of them is the longest."""
            number = 1
            while number < min(at_most, len(singles) - first):
                num_steps = singles[first + number].context.series.shape[-1]
                if not demand.together(num_steps, number + 1, budget):
                    break
                number += 1
            return number

        def run(first: int, end: int) -> None:
            self._meter.done = done_before + first * self._num_patches
            some = self._forecast(_joined(singles[first:end]))
            found.update(zip(places[first:end], (one.clone() for one in some.split(1)), strict=True))
            self._meter.add((end - first) * self._num_patches)

        in_parts_of_size(size, len(singles), "series", run)

    def _forecast(self, batch: Batch) -> Quantiles:
        """The quantiles of targets, and of covariates what is known of their future."""
        values = self.model.forecast(_tensors(batch), *self.plan[:2], True, *self.plan[2:])
        self._num_values += values.numel()
        self._num_not_finite += int((~values.isfinite()).sum())
        if batch.known_future is not None:
            known = batch.known_future.expand(len(LEVELS), *batch.known_future.shape)
            values = torch.cat([values, known.to(values)], dim=2)
        return values.movedim(0, -1)

    def _demand(self, singles: Sequence[Batch]) -> Demand2:
        block, series = self.plan.decode_block_size, singles[0].context.series
        block = block if isinstance(block, int) and 0 < block < self.plan.horizon else self.plan.horizon
        return Demand2(
            self.model, len(singles), series.shape[1], self.plan.horizon, block, series.element_size()
        )


def _kind(one: Batch) -> tuple[Any, ...]:
    """What series of one part have in common."""
    known = 0 if one.known_future is None else one.known_future.shape[1]
    return one.context.series.shape[1], known, one.context.series.dtype


def _joined(singles: Sequence[Batch]) -> Batch:
    """Series of one kind, from the shortest to the longest, behind missing steps to have one length."""
    longest = singles[-1].context.series.shape[-1]
    return Batch.joined([_padded(one, longest) for one in singles])


def _padded(one: Batch, num_steps: int) -> Batch:
    series, observed, ids = one.context[:3]
    left = (num_steps - series.shape[-1], 0)
    everywhere = ids[..., :1].expand(*ids.shape[:-1], num_steps)
    context = one.context._replace(
        series=F.pad(series, left), observed=F.pad(observed, left), group_ids=everywhere
    )
    return one._replace(context=context)


def _tensors(batch: Batch) -> dict[str, Shaped[Tensor, "..."]]:
    """What `Toto2Model.forecast` takes; covariates whose future is given go on into the horizon."""
    series, observed, ids, _ = batch.context
    known = batch.known_future
    num_targets = series.shape[1] - (0 if known is None else known.shape[1])
    inputs = {
        "target": series[:, :num_targets],
        "target_mask": observed[:, :num_targets],
        "series_ids": ids[:, :num_targets, 0],
    }
    if known is not None:
        inputs["known_dynamic"] = torch.cat([series[:, num_targets:], known], dim=-1)
        inputs["known_dynamic_mask"] = torch.cat([observed[:, num_targets:], known.isfinite()], dim=-1)
        inputs["known_dynamic_series_ids"] = ids[:, num_targets:, 0]
    return inputs
