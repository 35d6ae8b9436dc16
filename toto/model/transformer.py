"""The decoder-only transformer: layers that attend along time or across variates."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from toto import kernels
from toto.model.attention import Attention
from toto.model.blocks import Blocks, BlockTransformer
from toto.model.config import TotoConfig
from toto.model.feed_forward import FeedForward, RMSNorm
from toto.model.rope import Rotary
from toto.model.row_cache import Cache

Tokens = Float[Tensor, "tokens embed_dim"]
QueryAndKey = Float[Tensor, "tokens query_and_key heads head_dim"]
Value = Float[Tensor, "tokens heads head_dim"]
Mixed = Float[Tensor, "mixed_tokens embed_dim"]


class TransformerLayer(nn.Module):
    """x + attention(norm1 x), then x + feed_forward(norm2 x).

    All that depends on single tokens is in `enter` and `leave`; which tokens see each other is in
    `attend`, which runs between them. Only that tells a space layer from a time layer.
    """

    def __init__(self, config: TotoConfig, index: int) -> None:
        super().__init__()
        self.is_space = config.is_space_layer(index)
        self.norm1 = RMSNorm(config.embed_dim)
        self.attention = Attention(config.embed_dim, config.num_heads)
        self.norm2 = RMSNorm(config.embed_dim)
        self.mlp = FeedForward(config.embed_dim, config.mlp_hidden_dim, config.dropout)

    def forward(
        self,
        x: Tokens,
        attend: Callable[[Tensor, Tensor], Tensor],
        rotary: Rotary | None = None,
        newest_of: "Axes | None" = None,
        blocks: Blocks | None = None,
    ) -> Mixed:
        """One layer.

        Args:
            x: tokens.
            attend: mixes the tokens: (query and key, value) -> mixed values of all heads.
            rotary: positions of the tokens in time; None: no time between them.
            newest_of: axes of the tokens if `attend` mixes, and the layer returns, the newest patch alone.
            blocks: compiled stand-ins of `enter` and `leave`.
        """
        enter, leave = blocks or (TransformerLayer.enter, TransformerLayer.leave)
        mixed = attend(*enter(self, x, rotary))
        return leave(self, x if newest_of is None else newest_of.newest(x), mixed)

    def enter(self, x: Tokens, rotary: Rotary | None) -> tuple[QueryAndKey, Value]:
        """Queries and keys, turned to their positions if there is time between them, and values."""
        query_and_key, value = self.attention.project(self.norm1(x))
        return (query_and_key if rotary is None else rotary.turn(query_and_key)), value

    def leave(self, x: Tokens, mixed: Tokens) -> Tokens:
        """The residual stream after attention and feed-forward."""
        x = x + self.attention.output(mixed)
        return x + self.mlp(self.norm2(x))


class Transformer(BlockTransformer):
    """All layers, with what their attention needs: positions, groups, and the past."""

    PLAIN = Blocks(TransformerLayer.enter, TransformerLayer.leave)

    def __init__(self, config: TotoConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(TransformerLayer(config, index) for index in range(config.num_layers))
        time_layers = [index for index in range(config.num_layers) if not config.is_space_layer(index)]
        self.last_time_layer = max(time_layers, default=-1)

    def forward(
        self,
        x: Float[Tensor, "batch variates branches patches embed_dim"],
        allowed: Bool[Tensor, "batch patches variates variates"] | None = None,
        cache: Cache | None = None,
        newest_only: bool = False,
    ) -> Float[Tensor, "batch variates branches new_patches embed_dim"]:
        """Run tokens that follow those in the cache (none: that start the sequence).

        Args:
            x: tokens; more than one branch needs a cache that fanned out.
            allowed: which variates see each other at each new patch; None: all.
            cache: gains the new tokens.
            newest_only: return the newest patch alone. From the last time layer on, nothing else
                is computed, because nothing reads the other tokens.
        """
        batch, variates, branches, num_patches, _ = x.shape
        axes = Axes(batch, variates, branches, num_patches)
        first = cache.length if cache is not None else 0
        if isinstance(first, int):
            rotary = Rotary.at(first, num_patches, self.head_dim, x.dtype, x.device).for_rows(axes.num_rows)
        else:  # every row has a position of its own
            firsts = first.to(x.device).repeat_interleave(branches)
            rotary = Rotary.at(firsts, num_patches, self.head_dim, x.dtype, x.device)
        tokens = x.flatten(0, 3)
        if newest_only and self.last_time_layer < 0:
            tokens, axes = axes.newest(tokens), axes._replace(patches=1)
        for index, layer in enumerate(self.layers):
            if layer.is_space:
                across_variates = partial(_attend_across_variates, axes, allowed)
                tokens = layer(tokens, across_variates, blocks=self.blocks)
            else:
                newest = axes if newest_only and index == self.last_time_layer else None
                along_time = partial(_attend_along_time, axes, cache, index, newest is not None)
                tokens = layer(tokens, along_time, rotary, newest, self.blocks)
                if newest:
                    axes = axes._replace(patches=1)
        if cache is not None:
            cache.advance(num_patches)
        return tokens.view(*axes, -1)


class Axes(NamedTuple):
    """The lengths of the axes that tokens in one axis stand for."""

    batch: int
    variates: int
    branches: int
    patches: int

    @property
    def num_rows(self) -> int:
        """Runs of patches that follow each other."""
        return self.batch * self.variates * self.branches

    def newest(self, tokens: Tokens) -> Mixed:
        """The tokens of the newest patch."""
        return tokens.view(self.num_rows, self.patches, -1)[:, -1].contiguous()


def _attend_across_variates(
    axes: Axes,
    allowed: Bool[Tensor, "batch patches variates variates"] | None,
    query_and_key: QueryAndKey,
    value: Value,
) -> Mixed:
    """Attention over the variates of each patch of each branch."""

    def variates_together(t: Tensor) -> Tensor:
        return t.unflatten(0, axes).permute(0, 2, 3, 4, 1, 5).flatten(0, 2)

    if allowed is not None:
        allowed = (
            allowed[:, None, -axes.patches :].expand(-1, axes.branches, -1, -1, -1).flatten(0, 2)[:, None]
        )
    query, key, value = (variates_together(t) for t in (*query_and_key.unbind(1), value))
    mixed = kernels.attention(query, key, value, allowed=allowed)
    by_patch = mixed.unflatten(0, (axes.batch, axes.branches, axes.patches))
    return by_patch.permute(0, 4, 1, 2, 3, 5).flatten(0, 3).flatten(1).contiguous()


def _attend_along_time(
    axes: Axes,
    cache: Cache | None,
    layer: int,
    newest_only: bool,
    query_and_key: QueryAndKey,
    value: Value,
) -> Mixed:
    """Causal attention of the newest tokens of each variate over themselves and the past."""

    def patches_together(t: Tensor) -> Tensor:
        by_branch = t.unflatten(0, (axes.batch * axes.variates, axes.branches, axes.patches))
        return by_branch.permute(0, 3, 1, 2, 4)

    query, key, value = (patches_together(t) for t in (*query_and_key.unbind(1), value))
    if newest_only:
        query = query[:, :, :, -1:]
    if cache is None:
        mixed = kernels.attention(query[:, :, 0], key[:, :, 0], value[:, :, 0], causal=True)[:, :, None]
    else:
        mixed = cache.attend(layer, query, key, value)
    return mixed.permute(0, 2, 3, 1, 4).flatten(0, 2).flatten(1).contiguous()
