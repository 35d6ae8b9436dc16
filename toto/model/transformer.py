"""The decoder-only transformer: layers that attend along time or across variates."""

from functools import partial

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from toto import kernels
from toto.model.attention import Attend, Attention
from toto.model.cache import KVCache
from toto.model.config import TotoConfig
from toto.model.feed_forward import FeedForward, RMSNorm
from toto.model.rope import Rotary

Tokens = Float[Tensor, "batch variates branches patches embed_dim"]
NewTokens = Float[Tensor, "batch variates branches new_patches embed_dim"]


class TransformerLayer(nn.Module):
    """x + attention(norm1 x), then x + feed_forward(norm2 x).

    A space layer gives attention the variates of one patch position as tokens, a time layer the
    patches of one variate; all else is the same.
    """

    def __init__(self, config: TotoConfig, index: int) -> None:
        super().__init__()
        self.is_space = config.is_space_layer(index)
        self.norm1 = RMSNorm(config.embed_dim)
        self.attention = Attention(config.embed_dim, config.num_heads)
        self.norm2 = RMSNorm(config.embed_dim)
        self.mlp = FeedForward(config.embed_dim, config.mlp_hidden_dim, config.dropout)

    def forward(self, x: Tokens, attend: Attend, newest_only: bool = False) -> NewTokens:
        """One layer; `attend` mixes the tokens of a row, head by head.

        With `newest_only` it mixes, and the layer returns, those of the newest patch alone.
        """
        mixed = self._attention(self.norm1(x), attend)
        x = x[..., -1:, :] + mixed if newest_only else x + mixed
        return x + self.mlp(self.norm2(x))

    def _attention(self, x: Tokens, attend: Attend) -> NewTokens:
        batch, variates, branches, patches, _ = x.shape
        if self.is_space:
            mixed = self.attention(rearrange(x, "b v n s d -> (b n s) v d"), attend)
            return rearrange(mixed, "(b n s) v d -> b v n s d", b=batch, n=branches, s=patches)
        mixed = self.attention(x.flatten(2, 3).flatten(0, 1), attend)
        return mixed.view(batch, variates, branches, -1, mixed.shape[-1])


class Transformer(nn.Module):
    """All layers, with what their attention needs: positions, groups, and the past."""

    def __init__(self, config: TotoConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(TransformerLayer(config, index) for index in range(config.num_layers))
        time_layers = [index for index in range(config.num_layers) if not config.is_space_layer(index)]
        self.last_time_layer = max(time_layers, default=-1)

    def forward(
        self,
        x: Tokens,
        allowed: Bool[Tensor, "batch patches variates variates"] | None = None,
        cache: KVCache | None = None,
        newest_only: bool = False,
    ) -> NewTokens:
        """Run tokens that follow those in the cache (none: that start the sequence).

        Args:
            x: tokens; more than one branch needs a cache that fanned out.
            allowed: which variates see each other at each new patch; None: all.
            cache: gains the new tokens.
            newest_only: return the newest patch alone. From the last time layer on, nothing else
                is computed, because nothing reads the other tokens.
        """
        _, _, branches, patches, _ = x.shape
        first = cache.length if cache is not None else 0
        rotary = Rotary.at(first, patches, self.head_dim, x.dtype, x.device)
        if newest_only and self.last_time_layer < 0:
            x = x[..., -1:, :]
        for index, layer in enumerate(self.layers):
            if layer.is_space:
                x = layer(x, partial(_attend_across_variates, allowed, branches))
            else:
                newest = newest_only and index == self.last_time_layer
                x = layer(x, partial(_attend_along_time, rotary, cache, index, branches, newest), newest)
        if cache is not None:
            cache.advance(patches)
        return x


def _attend_across_variates(
    allowed: Bool[Tensor, "batch patches variates variates"] | None,
    branches: int,
    qkv: Float[Tensor, "rows variates three heads head_dim"],
) -> Float[Tensor, "rows heads variates head_dim"]:
    """Attention over the variates of a patch; a row is one patch of one branch of a batch element."""
    if allowed is not None:
        patches = qkv.shape[0] // (allowed.shape[0] * branches)  # the newest ones of `allowed`
        allowed = allowed[:, None, -patches:].expand(-1, branches, -1, -1, -1).flatten(0, 2)[:, None]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    return kernels.attention(query, key, value, allowed=allowed)


def _attend_along_time(
    rotary: Rotary,
    cache: KVCache | None,
    layer: int,
    branches: int,
    newest_only: bool,
    qkv: Float[Tensor, "rows tokens three heads head_dim"],
) -> Float[Tensor, "rows heads mixed head_dim"]:
    """Causal attention of the newest tokens over themselves and the past; a row is one variate."""
    qkv = qkv.unflatten(1, (branches, -1))
    value = qkv[..., 2, :, :].movedim(3, 1)
    query, key = (t.movedim(3, 1) for t in rotary.turn(qkv[..., :2, :, :]).unbind(3))
    if newest_only:
        query = query[:, :, :, -1:]
    if cache is not None:
        key, value = cache.append(layer, key, value)
        shared = cache.shared(layer)
        if shared is not None:
            return kernels.branched_attention(query, *shared, key, value).flatten(2, 3)
    return kernels.attention(query[:, :, 0], key[:, :, 0], value[:, :, 0], causal=True)
