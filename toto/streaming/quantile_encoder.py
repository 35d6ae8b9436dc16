"""Streams of models of the second generation."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.inference.context import Context
from toto.model.groups import visible_variates
from toto.model.moments import Moments
from toto.model2.row_past import PeekedPast, RowPast
from toto.model2.scaler import Observed as ObservedPatches
from toto.model2.scaler import Patches, PatchScale, causal_scale, moments_by_patch
from toto.model2.toto2 import Toto2Model
from toto.model2.visibility import Visible, groups_by_patch, visible_in_time
from toto.streaming.encoder import Encoder, Groups, Observed, Steps, pick
from toto.streaming.patch_grid import PatchGrid
from toto.streaming.quantile_prediction import QuantilePrediction
from toto.streaming.slots import PerSlot, Slots


class Remembered(NamedTuple):
    """What is kept of every stream beside its keys and values; all tensors have a row for each.

    moments: of all values so far. values, observed: of the newest patch. seen: which patches have values.
    prediction: of what follows the newest patch, [streams, variates, patch_size].
    """

    moments: Moments
    values: Float[Tensor, "streams variates patch_size"]
    observed: Bool[Tensor, "streams variates patch_size"]
    seen: Bool[Tensor, "streams variates most_tokens"]
    prediction: QuantilePrediction

    def each(self, change: Callable[[Tensor], Tensor]) -> "Remembered":
        """The same with every tensor changed."""
        moments, values, observed, seen, prediction = self
        running = Moments(*map(change, moments))
        return Remembered(running, change(values), change(observed), change(seen), prediction.each(change))

    def tensors(self) -> list[Tensor]:
        """All tensors."""
        return [*self.moments, self.values, self.observed, self.seen, *self.prediction.tensors()]


class QuantileEncoder(Encoder):
    """Predicts quantiles; see `Encoder`.

    A patch without any value is unseen for good, as where a history is scored in one pass: later patches and
    other variates do not read it.
    """

    def __init__(self, model: Toto2Model, num_variates: int, max_steps: int) -> None:
        self._most_tokens = max_steps // model.config.patch_size
        super().__init__(num_variates, self._most_tokens, model.device)
        self.model = model
        self._kept: PerSlot[Remembered] = PerSlot()

    @staticmethod
    def grid(model: Toto2Model, max_context: int) -> PatchGrid:
        """See `Encoder`."""
        return PatchGrid.of(model.config.patch_size, model.config.patch_size, max_context)

    def begin(self, slots: Slots, context: Context, context_length: int) -> None:
        """See `Encoder`; there are no global statistics."""
        self._cache.begin_anew(self._rows(slots))
        no_values = Moments.empty(context.series[..., 0])
        seen = context.observed.new_zeros(*context.series.shape[:2], self._most_tokens)
        groups, in_patches = context.group_ids[..., 0], self._in_patches(context.series, context.observed)
        self._encode(slots, groups, *in_patches, no_values, seen, num_outputs=1)

    def extend(self, slots: Slots, groups: Groups, values: Steps, observed: Observed) -> QuantilePrediction:
        """See `Encoder`."""
        kept, (patches, known) = self._kept.read(slots), self._in_patches(values, observed)
        return self._encode(slots, groups, patches, known, kept.moments, kept.seen, patches.shape[2])

    def _encode(
        self,
        slots: Slots,
        groups: Groups,
        patches: Patches,
        observed: ObservedPatches,
        before: Moments,
        seen: Bool[Tensor, "streams variates most_tokens"],
        num_outputs: int,
    ) -> QuantilePrediction:
        """Encode patches behind those of the cache; returns what the last of them predict."""
        past, num_new = RowPast(self._cache.rows(self._rows(slots))), patches.shape[2]
        moments, positions = moments_by_patch(patches, observed, before), past.positions(num_new)
        known = observed.any(-1)
        seen = seen.scatter(2, positions.to(seen.device).view(known.shape), known)
        in_use = seen[..., : int(positions.max()) + 1]
        visible = Visible(visible_in_time(in_use.flatten(0, 1), positions), _variates(groups, known))
        scale = causal_scale(moments)
        tokens = self.model.embed(patches, observed, scale)
        hidden, _ = self.model.transformer(tokens, visible, past, num_new, num_outputs)
        prediction = self._predicted(hidden, scale.of(slice(num_new - num_outputs, None)), patches.shape[3])
        newest = Moments(*(m[..., -1] for m in moments))
        after = prediction.each(lambda t: t[:, :, -1])
        self._kept.write(slots, Remembered(newest, patches[:, :, -1], observed[:, :, -1], seen, after))
        return prediction

    def peek(
        self,
        slots: Slots,
        groups: Groups,
        values: Steps,
        observed: Observed,
        ends: Int[Tensor, "streams num_ends"],
    ) -> QuantilePrediction:
        """See `Encoder`."""
        kept, rows = self._kept.read(slots), self._cache.rows(self._rows(slots))
        running = kept.moments.running(values, observed)
        last_step = (ends - 1).clamp(min=0)[..., None]  # nothing is asked for before the first one
        scale = causal_scale(Moments(*(pick(m, last_step)[..., 0] for m in running)))
        places = ends[..., None] + torch.arange(kept.values.shape[2], device=ends.device)
        patches = pick(torch.cat([kept.values, values], -1), places)
        seen_steps = pick(torch.cat([kept.observed, observed], -1), places)
        in_past = kept.seen[..., : int(rows.lengths.max())].flatten(0, 1)
        visible = Visible(_past_and_itself(in_past, ends.shape[1]), _variates(groups, seen_steps.any(-1)))
        tokens = self.model.embed(patches, seen_steps, scale)
        hidden, _ = self.model.transformer(tokens, visible, PeekedPast(rows), 0, ends.shape[1])
        return self._predicted(hidden, scale, num_steps=1).each(lambda t: t[:, :, :, 0])

    def prediction(self, slots: Slots) -> QuantilePrediction:
        """See `Encoder`."""
        return self._kept.read(slots).prediction

    def _in_patches(self, values: Steps, observed: Observed) -> tuple[Patches, ObservedPatches]:
        size = self.model.config.patch_size
        return values.unflatten(-1, (-1, size)), observed.unflatten(-1, (-1, size))

    def _predicted(
        self, hidden: Float[Tensor, "streams variates tokens d_model"], scale: PatchScale, num_steps: int
    ) -> QuantilePrediction:
        return QuantilePrediction.of(self.model.knots(hidden)[..., :num_steps], scale)


def _variates(
    groups: Groups, known: Bool[Tensor, "streams variates tokens"]
) -> Bool[Tensor, "streams tokens variates variates"] | None:
    """Which variates see each other at every token; those without values there are alone."""
    return visible_variates(groups_by_patch(groups.unique(return_inverse=True)[1], ~known))


def _past_and_itself(
    in_past: Bool[Tensor, "rows all_patches"], num_new: int
) -> Bool[Tensor, "rows 1 new keys"] | None:
    """What new tokens see that stand in each other's place: the past, of which nothing is hidden if None."""
    if num_new == 1 and bool(in_past.all()):
        return None
    past = in_past[:, None, None].expand(-1, 1, num_new, -1)
    itself = torch.eye(num_new, dtype=torch.bool, device=in_past.device).expand(len(past), 1, -1, -1)
    return torch.cat([past, itself], -1)
