"""The decoder-only transformer: layers that attend along time or across variates."""

import math
from typing import NamedTuple, TypeVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from toto.model.blocks import Blocks, BlockTransformer
from toto.model2.attention import Attention, Key, Query, Value, mix
from toto.model2.cache import AllKeys, AllValues, Keys, PastTokens, Values
from toto.model2.config import Toto2Config
from toto.model2.feed_forward import FeedForward, Norm, fan_in_gain
from toto.model2.rope import Rotary
from toto.model2.visibility import Visible

AnyPast = TypeVar("AnyPast", bound=PastTokens)
Tokens = Float[Tensor, "tokens d_model"]
Mixed = Float[Tensor, "mixed_tokens values"]


class TransformerLayer(nn.Module):
    """A weighted sum of stream and attention(norm1 stream), then of that and feed_forward(norm2 stream).

    All that depends on single tokens is in `enter` and `leave`; which tokens see each other is in the
    function that runs between them. Only that tells a variate layer from a time layer.
    """

    attn_tau: Tensor
    mlp_tau: Tensor

    def __init__(self, config: Toto2Config, index: int) -> None:
        super().__init__()
        self.is_variate = config.is_variate_layer(index)
        self.norm1 = Norm(config.d_model, config.norm_eps, config.norm_include_weight)
        self.attn = Attention(config)
        self.norm2 = Norm(config.d_model, config.norm_eps, config.norm_include_weight)
        self.ffn = FeedForward(config.d_model, config.d_ff, config.mlp_bias)
        attn_tau, mlp_tau = residual_taus(config, index)
        self.register_buffer("attn_tau", torch.tensor(attn_tau))
        self.register_buffer("mlp_tau", torch.tensor(mlp_tau))

    def enter(self, x: Tokens, rotary: Rotary | None) -> tuple[Query, Key, Value]:
        """Queries and keys, turned to their positions if there is time between them, and values."""
        query, key, value = self.attn.project(self.norm1(x, self.attn.gain))
        return (query, key, value) if rotary is None else (*rotary.turn(query, key), value)

    def leave(self, x: Tokens, mixed: Mixed, sums: "tuple[ResidualSum, ResidualSum]") -> Tokens:
        """The residual stream after attention and feed-forward."""
        attention_sum, feed_forward_sum = sums
        x = attention_sum(x, self.attn.out_proj(mixed))
        return feed_forward_sum(x, self.ffn(self.norm2(x, self.ffn.gain)))


class ResidualSum(NamedTuple):
    """stream * keep + branch * gain; the gain includes the division by fan-in of the branch's last map."""

    keep: float
    gain: float

    def __call__(self, stream: Tokens, branch: Tokens) -> Tokens:
        """The new stream."""
        return torch.add(stream * self.keep, branch, alpha=self.gain)


class Transformer(BlockTransformer):
    """All layers, with what their attention needs: positions, groups, and the past."""

    PLAIN = Blocks(TransformerLayer.enter, TransformerLayer.leave)

    def __init__(self, config: Toto2Config) -> None:
        super().__init__()
        self.qk_dim, self.use_xpos = config.qk_dim, config.use_xpos
        self.layers = nn.ModuleList(TransformerLayer(config, index) for index in range(config.num_layers))
        self.out_norm = Norm(config.d_model, config.norm_eps, config.norm_include_weight)
        time_layers = [index for index in range(config.num_layers) if not config.is_variate_layer(index)]
        self.last_time_layer = max(time_layers, default=-1)

    def forward(
        self,
        x: Float[Tensor, "batch variates patches d_model"],
        visible: Visible,
        past: AnyPast,
        num_kept: int,
        num_outputs: int,
    ) -> tuple[Float[Tensor, "batch variates outputs d_model"], AnyPast]:
        """Run tokens that follow those of the past.

        Args:
            x: tokens.
            visible: what they see.
            past: keys and values of earlier tokens.
            num_kept: how many of the first tokens are to be part of the past that is returned; the rest
                stand for what is not known yet.
            num_outputs: how many of the last tokens are wanted. From the last time layer on, nothing else
                is computed, because nothing reads the other tokens.
        """
        axes = Axes(*x.shape[:3])
        positions = past.positions(axes.patches)
        rotary = Rotary.at(positions, self.qk_dim, self.use_xpos, x.dtype, x.device)
        if len(positions) == 1:
            rotary = rotary.for_rows(axes.batch * axes.variates)
        tokens, sums, (enter, leave) = x.flatten(0, 2).contiguous(), self._residual_sums(), self.blocks
        layers: dict[int, tuple[AllKeys, AllValues]] = {}
        if self.last_time_layer < 0:
            tokens, axes = axes.last(tokens, num_outputs), axes._replace(patches=num_outputs)
        for index, layer in enumerate(self._each_layer()):
            if layer.is_variate:
                mixed = _attend_across_variates(axes, visible.variates, *enter(layer, tokens, None))
            else:
                query, key, value = enter(layer, tokens, rotary)
                keys, values = past.followed_by(index, *_by_row(axes, key, value))
                if num_kept:
                    layers[index] = (keys, values)
                if index == self.last_time_layer:
                    query, tokens = axes.last(query, num_outputs), axes.last(tokens, num_outputs)
                    axes = axes._replace(patches=num_outputs)
                mixed = _attend_along_time(axes, visible.time, query, keys, values)
            tokens = leave(layer, tokens, mixed, sums[index])
        return self.out_norm(tokens).view(*axes, -1), past.going_on(num_kept, layers)

    def _each_layer(self) -> list[TransformerLayer]:
        return cast(list[TransformerLayer], list(self.layers))

    def _residual_sums(self) -> list[tuple[ResidualSum, ResidualSum]]:
        """The residual sums of every layer, as plain numbers: read from the device once."""
        layers = self._each_layer()
        taus = tuple(tau for layer in layers for tau in (layer.attn_tau, layer.mlp_tau))
        numbers = torch.stack(taus).tolist()
        return [
            (
                _residual_sum(numbers[2 * index], layer.attn.out_proj.in_features),
                _residual_sum(numbers[2 * index + 1], layer.ffn.fc2.in_features),
            )
            for index, layer in enumerate(layers)
        ]


class Axes(NamedTuple):
    """The lengths of the axes that tokens in one axis stand for."""

    batch: int
    variates: int
    patches: int

    def last(
        self, tokens: Float[Tensor, " tokens *features"], num_patches: int
    ) -> Float[Tensor, " mixed_tokens *features"]:
        """The tokens of the last patches."""
        rows = tokens.unflatten(0, (self.batch * self.variates, self.patches))
        return rows[:, self.patches - num_patches :].flatten(0, 1).contiguous()


def residual_taus(config: Toto2Config, layer: int) -> tuple[float, float]:
    """What a new model's attention and feed-forward branch weigh against the stream (arXiv 2407.17465).

    Of a checkpoint the stored ones hold.
    """
    ratio, mult = config.residual_attn_ratio, config.residual_mult
    of_feed_forward = 2 * mult**2 / (1 + ratio**2)
    of_attention = ratio**2 * of_feed_forward
    before_attention = config.num_layers + layer * (of_attention + of_feed_forward)
    before_feed_forward = before_attention + of_attention
    return math.sqrt(of_attention / before_attention), math.sqrt(of_feed_forward / before_feed_forward)


def _residual_sum(tau: float, branch_inputs: int) -> ResidualSum:
    keep = 1 / math.sqrt(1 + tau**2)
    return ResidualSum(keep, tau * keep * fan_in_gain(branch_inputs))


def _by_row(axes: Axes, key: Key, value: Value) -> tuple[Keys, Values]:
    """Keys and values of every row of patches."""
    rows = (axes.batch * axes.variates, axes.patches)
    return key.unflatten(0, rows).transpose(1, 2), value.unflatten(0, rows).transpose(1, 2)


def _attend_along_time(
    axes: Axes,
    allowed: Bool[Tensor, "rows 1 queries keys"] | None,
    query: Query,
    keys: AllKeys,
    values: AllValues,
) -> Mixed:
    """Causal attention of the last patches of each variate over all of its patches."""
    by_row = query.unflatten(0, (axes.batch * axes.variates, axes.patches)).transpose(1, 2)
    if allowed is not None:
        allowed = allowed[:, :, -axes.patches :]
    mixed = mix(by_row, keys, values, allowed, causal=allowed is None)
    return mixed.transpose(1, 2).flatten(0, 1).flatten(1).contiguous()


def _attend_across_variates(
    axes: Axes,
    allowed: Bool[Tensor, "batch patches variates variates"] | None,
    query: Query,
    key: Key,
    value: Value,
) -> Mixed:
    """Attention over the variates of each patch."""

    def variates_together(t: Tensor) -> Tensor:
        return t.unflatten(0, axes).permute(0, 2, 3, 1, 4).flatten(0, 1)

    if allowed is not None:
        allowed = allowed[:, -axes.patches :].flatten(0, 1)[:, None]
    mixed = mix(variates_together(query), variates_together(key), variates_together(value), allowed)
    by_patch = mixed.unflatten(0, (axes.batch, axes.patches))
    return by_patch.permute(0, 3, 1, 2, 4).flatten(0, 2).flatten(1).contiguous()
