"""The decoder-only transformer: layers that attend along time or across variates."""

from functools import partial

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from toto import kernels
from toto.model.attention import Attend, Attention
from toto.model.cache import KVCache
from toto.model.config import TotoConfig
from toto.model.feed_forward import RMSNorm, feed_forward
from toto.model.rope import Rotary

Tokens = Float[Tensor, "batch variates branches patches embed_dim"]


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
        self.mlp = feed_forward(config.embed_dim, config.mlp_hidden_dim, config.dropout)

    def forward(self, x: Tokens, attend: Attend) -> Tokens:
        """One layer; `attend` mixes the tokens of a row, head by head."""
        x = x + self._attention(self.norm1(x), attend)
        return x + self.mlp(self.norm2(x))

    def _attention(self, x: Tokens, attend: Attend) -> Tokens:
        batch, _, branches, patches, _ = x.shape
        if self.is_space:
            mixed = self.attention(rearrange(x, "b v n s d -> (b n s) v d"), attend)
            return rearrange(mixed, "(b n s) v d -> b v n s d", b=batch, n=branches, s=patches)
        return self.attention(x.flatten(2, 3).flatten(0, 1), attend).view(x.shape)


class Transformer(nn.Module):
    """All layers, with what their attention needs: positions, groups, and the past."""

    def __init__(self, config: TotoConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(TransformerLayer(config, index) for index in range(config.num_layers))

    def forward(
        self,
        x: Tokens,
        allowed: Bool[Tensor, "batch patches variates variates"] | None = None,
        cache: KVCache | None = None,
    ) -> Tokens:
        """Run tokens that follow those in the cache (none: that start the sequence).

        Args:
            x: tokens; more than one branch needs a cache that fanned out.
            allowed: which variates see each other at each new patch; None: all.
            cache: gains the new tokens.
        """
        _, _, branches, patches, _ = x.shape
        first = cache.length if cache is not None else 0
        rotary = Rotary.at(first, patches, self.head_dim, x.dtype, x.device)
        if allowed is not None:
            allowed = allowed[:, None].expand(-1, branches, -1, -1, -1).flatten(0, 2)[:, None]
        across_variates = partial(kernels.attention, allowed=allowed)
        for index, layer in enumerate(self.layers):
            along_time = partial(_attend_along_time, rotary, cache, index, branches)
            x = layer(x, across_variates if layer.is_space else along_time)
        if cache is not None:
            cache.advance(patches)
        return x


def _attend_along_time(
    rotary: Rotary,
    cache: KVCache | None,
    layer: int,
    branches: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    """Causal attention of the newest tokens over themselves and the past."""
    query, key, value = (t.unflatten(2, (branches, -1)) for t in (query, key, value))
    query, key = (t.to(value.dtype) for t in (rotary.query(query), rotary.key(key)))  # under autocast too
    if cache is not None:
        key, value = cache.append(layer, key, value)
        shared = cache.shared(layer)
        if shared is not None:
            return kernels.branched_attention(query, *shared, key, value).flatten(2, 3)
    return kernels.attention(query[:, :, 0], key[:, :, 0], value[:, :, 0], causal=True)
