"""Streams of models of the first generation."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.inference import decoding
from toto.inference.context import Context
from toto.inference.decoding import DecodingState, Window
from toto.model.backbone import TotoBackbone
from toto.model.groups import visible_variates
from toto.model.scaler import Scale, ScalingState
from toto.streaming.encoder import Encoder, Groups, Observed, Steps, pick
from toto.streaming.mixture_prediction import MixturePrediction
from toto.streaming.patch_grid import PatchGrid
from toto.streaming.slots import PerSlot, Slots


class Remembered(NamedTuple):
    """What is kept of every stream beside its keys and values; all tensors have a row for each.

    window, hidden: of the newest patch. prediction: of what follows it, [streams, variates, patch_size].
    """

    scaling: ScalingState
    window: Window
    hidden: Float[Tensor, "streams variates 1 embed_dim"]
    prediction: MixturePrediction

    def each(self, change: Callable[[Tensor], Tensor]) -> "Remembered":
        """The same with every tensor changed."""
        scaling, window, hidden, prediction = self
        return Remembered(scaling.each(change), window.each(change), change(hidden), prediction.each(change))

    def tensors(self) -> list[Tensor]:
        """All tensors; a scaler without limits has none of those."""
        (moments, *limits), (values, observed, statistics), hidden, prediction = self
        present = (limit for limit in limits if limit is not None)
        return [hidden, *moments, *present, values, observed, *statistics, *prediction.tensors()]


class MixtureEncoder(Encoder):
    """Predicts mixtures; see `Encoder`."""

    def __init__(self, backbone: TotoBackbone, num_variates: int, max_steps: int) -> None:
        most_tokens = backbone.patch_embed.num_patches(max_steps) + backbone.num_prepended_tokens
        super().__init__(num_variates, most_tokens, backbone.device)
        self.backbone = backbone
        self._kept: PerSlot[Remembered] = PerSlot()

    @staticmethod
    def grid(model: TotoBackbone, max_context: int) -> PatchGrid:
        """See `Encoder`."""
        return PatchGrid.of(model.config.patch_size, model.config.stride, max_context)

    def begin(self, slots: Slots, context: Context, context_length: int) -> None:
        """See `Encoder`."""
        rows = self._cache.begin_anew(self._rows(slots))
        state = decoding.begin(self.backbone, context, context_length, rows)
        shift, stretch = (t[..., -1, :] for t in self._statistics(state.window.statistics))
        prediction = MixturePrediction.of(self.backbone, state.hidden, shift, stretch)
        self._keep(slots, state, prediction.each(lambda t: t[:, :, 0]))

    def extend(self, slots: Slots, groups: Groups, values: Steps, observed: Observed) -> MixturePrediction:
        """See `Encoder`."""
        state = self._state(slots, groups)
        newest, hidden, statistics = decoding.extend(
            self.backbone, state, values[:, :, None], observed[:, :, None]
        )
        num_patches = hidden.shape[3]
        shift, stretch = (t[..., -num_patches:, :] for t in self._statistics(statistics))
        prediction = MixturePrediction.of(self.backbone, hidden, shift, stretch).each(lambda t: t[:, :, 0])
        self._keep(slots, newest, prediction.each(lambda t: t[:, :, -1]))
        return prediction

    def peek(
        self,
        slots: Slots,
        groups: Groups,
        values: Steps,
        observed: Observed,
        ends: Int[Tensor, "streams num_ends"],
    ) -> MixturePrediction:
        """See `Encoder`."""
        state = self._state(slots, groups)
        later, seen = values[:, :, None], observed[:, :, None]
        statistics, _ = self.backbone.scaler.advance(state.scaling, later, seen)
        window = state.window.followed_by(Window(later, seen, statistics))
        places = ends[..., None] + torch.arange(self.backbone.config.patch_size, device=ends.device)
        branches = window.each(lambda t: pick(t[:, :, 0], places))
        cache = self._cache.rows(self._rows(slots)).peek()
        hidden = self.backbone.transformer(
            self.backbone.embed(*branches), state.visible, cache, newest_only=True
        )
        shift, stretch = (t[..., -1, :] for t in self._statistics(branches.statistics))
        prediction = MixturePrediction.of(self.backbone, hidden[..., 0, :], shift, stretch, num_steps=1)
        return prediction.each(lambda t: t[:, :, :, 0])

    def prediction(self, slots: Slots) -> MixturePrediction:
        """See `Encoder`."""
        return self._kept.read(slots).prediction

    def _state(self, slots: Slots, groups: Groups) -> DecodingState:
        """What decoding starts from, after the newest patch."""
        scaling, window, hidden, _ = self._kept.read(slots)
        rows = self._cache.rows(self._rows(slots))
        return DecodingState(rows, scaling, window, hidden, visible_variates(groups[..., None]))

    def _statistics(self, per_step: Scale) -> tuple[Tensor, ...]:
        """Loc and scale of every patch, [..., patches, steps]."""
        return tuple(self.backbone.per_patch(t) for t in per_step)

    def _keep(self, slots: Slots, state: DecodingState, prediction: MixturePrediction) -> None:
        self._kept.write(slots, Remembered(state.scaling, state.window, state.hidden, prediction))
