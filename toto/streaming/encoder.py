"""What a model knows of many series that go on: keys and values, running statistics, the next prediction."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from toto.inference import decoding
from toto.inference.context import Context
from toto.inference.decoding import DecodingState, Window
from toto.model.backbone import TotoBackbone
from toto.model.groups import visible_variates
from toto.model.row_cache import RowCache
from toto.model.scaler import Scale, ScalingState
from toto.streaming.prediction import Prediction

Slots = Int[Tensor, " streams"]
Groups = Shaped[Tensor, "streams variates"]
Steps = Float[Tensor, "streams variates steps"]
Observed = Bool[Tensor, "streams variates steps"]


class Remembered(NamedTuple):
    """What is kept of every stream beside its keys and values; all tensors have a row for each.

    window, hidden: of the newest patch. prediction: of what follows it, [streams, variates, patch_size].
    """

    scaling: ScalingState
    window: Window
    hidden: Float[Tensor, "streams variates 1 embed_dim"]
    prediction: Prediction

    def each(self, change: Callable[[Tensor], Tensor]) -> "Remembered":
        """The same with every tensor changed."""
        scaling, window, hidden, prediction = self
        return Remembered(scaling.each(change), window.each(change), change(hidden), prediction.each(change))

    def tensors(self) -> list[Tensor]:
        """All tensors; a scaler without limits has none of those."""
        (moments, *limits), (values, observed, statistics), hidden, prediction = self
        present = (limit for limit in limits if limit is not None)
        return [*moments, *present, values, observed, *statistics, hidden, *prediction]


class Encoder:
    """The encoded pasts of streams that have a slot each; slots are given in ascending order.

    Only whole patches are encoded. What stands in a slot is overwritten by `begin` and continued by `extend`.
    """

    def __init__(self, backbone: TotoBackbone, num_variates: int, max_steps: int) -> None:
        self.backbone = backbone
        self.num_variates = num_variates
        self._cache = RowCache(backbone.patch_embed.num_patches(max_steps) + backbone.num_prepended_tokens)
        self._remembered: Remembered | None = None

    def begin(self, slots: Slots, context: Context, context_length: int) -> None:
        """Encode contexts, with global statistics of their first `context_length` steps."""
        rows = self._cache.begin_anew(self._rows(slots))
        state = decoding.begin(self.backbone, context, context_length, rows)
        shift, stretch = (t[..., -1, :] for t in self._statistics(state.window.statistics))
        prediction = Prediction.of(self.backbone, state.hidden, shift, stretch)
        self._remember(slots, state, prediction.each(lambda t: t[:, :, 0]))

    def extend(self, slots: Slots, groups: Groups, values: Steps, observed: Observed) -> Prediction:
        """Encode steps that fill whole patches; returns what each of them predicts."""
        state = self.state(slots, groups)
        newest, hidden, statistics = decoding.extend(
            self.backbone, state, values[:, :, None], observed[:, :, None]
        )
        num_patches = hidden.shape[3]
        shift, stretch = (t[..., -num_patches:, :] for t in self._statistics(statistics))
        prediction = Prediction.of(self.backbone, hidden, shift, stretch).each(lambda t: t[:, :, 0])
        self._remember(slots, newest, prediction.each(lambda t: t[:, :, -1]))
        return prediction

    def peek(
        self,
        slots: Slots,
        groups: Groups,
        values: Steps,
        observed: Observed,
        ends: Int[Tensor, "streams num_ends"],
    ) -> Prediction:
        """What would be predicted of one step each, [streams, variates, ends], had a patch ended there.

        `values` are the steps after the newest patch, of which `ends` counts the first few. The token of the
        last patch_size steps before an end stands where the next patch will, and overlaps the newest one;
        nothing of it is kept.
        """
        state = self.state(slots, groups)
        later, seen = values[:, :, None], observed[:, :, None]
        statistics, _ = self.backbone.scaler.advance(state.scaling, later, seen)
        window = state.window.followed_by(Window(later, seen, statistics))
        places = ends[..., None] + torch.arange(self.backbone.config.patch_size, device=ends.device)
        branches = window.each(lambda t: _pick(t[:, :, 0], places))
        cache = self._cache.rows(self._rows(slots)).peek()
        hidden = self.backbone.transformer(
            self.backbone.embed(*branches), state.visible, cache, newest_only=True
        )
        shift, stretch = (t[..., -1, :] for t in self._statistics(branches.statistics))
        prediction = Prediction.of(self.backbone, hidden[..., 0, :], shift, stretch, num_steps=1)
        return prediction.each(lambda t: t[:, :, :, 0])

    def prediction(self, slots: Slots) -> Prediction:
        """Of the steps after the newest patch, [streams, variates, patch_size]."""
        return self._read(slots).prediction

    def state(self, slots: Slots, groups: Groups) -> DecodingState:
        """What decoding starts from, after the newest patch."""
        scaling, window, hidden, _ = self._read(slots)
        rows = self._cache.rows(self._rows(slots))
        return DecodingState(rows, scaling, window, hidden, visible_variates(groups[..., None]))

    def _statistics(self, per_step: Scale) -> tuple[Tensor, ...]:
        """Loc and scale of every patch, [..., patches, steps]."""
        return tuple(self.backbone.per_patch(t) for t in per_step)

    def _rows(self, slots: Slots) -> Int[Tensor, " rows"]:
        return (slots[:, None] * self.num_variates + torch.arange(self.num_variates)).flatten()

    def _read(self, slots: Slots) -> Remembered:
        assert self._remembered is not None
        index = slots.to(self.backbone.device)
        return self._remembered.each(lambda t: t[index])

    def _remember(self, slots: Slots, state: DecodingState, prediction: Prediction) -> None:
        new = Remembered(state.scaling, state.window, state.hidden, prediction)
        if self._remembered is None:
            self._remembered = new.each(lambda t: t.new_empty(0, *t.shape[1:]))
        held = self._remembered.hidden.shape[0]
        if int(slots[-1]) >= held:
            more = max(int(slots[-1]) + 1, 2 * held) - held
            self._remembered = self._remembered.each(
                lambda t: torch.cat([t, t.new_zeros(more, *t.shape[1:])])
            )
        index = slots.to(self.backbone.device)
        for kept, tensor in zip(self._remembered.tensors(), new.tensors(), strict=True):
            kept[index] = tensor


def _pick(
    t: Shaped[Tensor, "streams variates steps"], places: Int[Tensor, "streams ends patch_size"]
) -> Shaped[Tensor, "streams variates ends patch_size"]:
    streams = torch.arange(len(t), device=t.device)[:, None, None]
    return t.transpose(1, 2)[streams, places].movedim(-1, 1)
