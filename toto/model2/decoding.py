"""The decoding plan: the horizon in one pass, or block by block.

The patches to be predicted go through the model as masked tokens behind the context; each token predicts the
patch after it, so the last of them is left out. With blocks, the medians of one block become the context of
the next: its patches are embedded anew and run against the keys and values of everything before.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from toto.model.moments import Moments
from toto.model2.cache import Past
from toto.model2.inputs import Inputs
from toto.model2.scaler import PatchScale, causal_scale, moments_by_patch, with_fallback
from toto.model2.visibility import Visible, groups_by_patch

if TYPE_CHECKING:
    from toto.model2.toto2 import Toto2Model

Knots = Float[Tensor, "levels batch targets patches patch_size"]
Limits = tuple[Tensor, Tensor]


class Plan(NamedTuple):
    """How to decode.

    block_size: patches predicted in one pass.
    fallback_min_observed: patches with fewer known values up to their end are scaled by the first so many of
        the series; 0: never.
    cap: forecasts stay within so many scales of the values of the context; 0: no limit.
    """

    block_size: int
    fallback_min_observed: int = 0
    cap: float = 0.0


class State(NamedTuple):
    """What decoding remembers of the patches whose values are known; `moments` None: of none."""

    past: Past = Past()
    moments: Moments | None = None


@torch.no_grad()
def decode(model: "Toto2Model", inputs: Inputs, plan: Plan) -> Float[Tensor, "levels batch targets steps"]:
    """Quantiles of all patches of the horizon, in units, in ascending order at every step."""
    num_patches = inputs.patches.shape[2]
    blocks: list[Knots] = []
    state, limits = State(), None
    for start in range(inputs.num_context, num_patches, plan.block_size):
        end = min(start + plan.block_size, num_patches)
        in_units, scale, state = _predict(model, inputs, plan, state, start, end)
        if plan.cap and limits is None:
            limits = _limits(inputs, scale, plan.cap)
        blocks.append(_in_order(in_units, limits))
        if end < num_patches:
            inputs = _fed_back(inputs, blocks[-1], start)
    return torch.cat(blocks, dim=3).flatten(-2)


def _predict(
    model: "Toto2Model", inputs: Inputs, plan: Plan, state: State, start: int, end: int
) -> tuple[Knots, PatchScale, State]:
    """The patches from `start` on, in units, the scale of all that ran, and the state at `start`."""
    first = state.past.num_tokens
    patches, observed = inputs.patches[:, :, first:end], inputs.observed[:, :, first:end]
    moments = moments_by_patch(patches, observed, state.moments)
    scale = causal_scale(moments)
    if plan.fallback_min_observed:
        scale = with_fallback(scale, moments, inputs.patches, inputs.observed, plan.fallback_min_observed)
    tokens = model.embed(patches[:, :, :-1], observed[:, :, :-1], scale.of(slice(-1)))
    visible = Visible.of(_groups(inputs)[..., : end - 1], num_new=tokens.shape[2])
    num_kept = start - first if end < inputs.patches.shape[2] else 0  # the last block needs to leave nothing
    hidden, past = model.transformer(tokens, visible, state.past, num_kept, end - start)
    predicted = PatchScale(*(s[:, : inputs.num_targets, start - first :] for s in scale))
    in_units = predicted.in_units(model.knots(hidden[:, : inputs.num_targets])).to(inputs.patches.dtype)
    known = Moments(*(m[..., start - first - 1] for m in moments))
    return in_units, scale, State(past, known)


def _groups(inputs: Inputs) -> Int[Tensor, "batch variates patches"]:
    """The group of every patch; those of the context without values are unseen.

    The patches after the last value of a target take part all the same: they are to be predicted, as those of
    the horizon are. A context that ends in missing patches is thus a shorter one with a longer horizon. Of a
    target without any value the last patch alone does, however many were put before it.
    """
    num_context, num_future = inputs.num_context, inputs.patches.shape[2] - inputs.num_context
    known = inputs.observed[:, :, :num_context].any(-1)
    index = torch.arange(num_context, device=known.device)
    last = torch.where(known, index, -1).amax(-1, keepdim=True)  # with a value
    last = torch.where(last < 0, num_context - 1, last)
    last[:, inputs.num_targets :] = num_context
    unseen = F.pad(~known & (index < last), (0, num_future))
    return groups_by_patch(inputs.series_ids, unseen)


def _limits(inputs: Inputs, scale: PatchScale, cap: float) -> Limits:
    """The lowest and highest values that a forecast may have, for each target."""
    context = (slice(None), slice(inputs.num_targets), slice(inputs.num_context))
    values, observed = inputs.patches[context].flatten(-2), inputs.observed[context].flatten(-2)
    margin = cap * scale.scale[:, : inputs.num_targets, inputs.num_context - 1]
    empty = ~observed.any(-1, keepdim=True)
    lowest = values.masked_fill(~observed, torch.inf).amin(-1, keepdim=True).masked_fill(empty, 0.0)
    highest = values.masked_fill(~observed, -torch.inf).amax(-1, keepdim=True).masked_fill(empty, 0.0)
    low, high = (limit.to(values.dtype)[..., None] for limit in (lowest - margin, highest + margin))
    return low, high


def _in_order(in_units: Knots, limits: Limits | None) -> Knots:
    """Finite where the patch has a finite value, within limits, and ascending over the levels."""
    finite = in_units.isfinite()
    if not bool(finite.all()):
        in_units = _finite_where_possible(in_units, finite)
    if limits is not None:
        in_units = in_units.clamp(*limits)
    return in_units.sort(dim=0).values


def _finite_where_possible(in_units: Knots, finite: Tensor) -> Knots:
    """Infinite values as the largest and smallest finite ones of their level and patch, if there are any."""
    some = finite.any(-1, keepdim=True)
    largest = in_units.masked_fill(~finite, -torch.inf).amax(-1, keepdim=True)
    smallest = in_units.masked_fill(~finite, torch.inf).amin(-1, keepdim=True)
    in_units = torch.where(some & (in_units == torch.inf), largest, in_units)
    return torch.where(some & (in_units == -torch.inf), smallest, in_units)


def _fed_back(inputs: Inputs, block: Knots, start: int) -> Inputs:
    """The inputs with the medians of a block as values of the targets; those not finite are missing."""
    median = block[len(block) // 2]
    place = (slice(None), slice(inputs.num_targets), slice(start, start + median.shape[2]))
    patches, observed = inputs.patches.clone(), inputs.observed.clone()
    observed[place] = median.isfinite()
    patches[place] = torch.where(observed[place], median, 0.0)
    return inputs._replace(patches=patches, observed=observed)
