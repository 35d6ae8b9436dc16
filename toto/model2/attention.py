"""The linear maps of attention; which tokens are mixed between them, the caller decides."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from toto import kernels
from toto.model.feed_forward import Linear
from toto.model.published_order import Reordered
from toto.model2.config import Toto2Config
from toto.model2.feed_forward import Norm, UnitLinear, fan_in_gain

Query = Float[Tensor, "tokens heads qk_dim"]
Key = Float[Tensor, "tokens groups qk_dim"]
Value = Float[Tensor, "tokens groups v_dim"]


class Attention(Reordered):
    """Projections of tokens to queries, keys and values, and of mixed values back.

    Scores are query . key / qk_dim. Kernels divide by the square root of the features of a head, so
    queries are made to suit that. In memory the rotary pairs (2j, 2j + 1) of published weights lie as all
    first members, then all second ones.

    gain: what the tokens are to be multiplied by before `project`.
    """

    def __init__(self, config: Toto2Config) -> None:
        super().__init__()
        heads, groups, qk_dim, v_dim = config.num_heads, config.num_groups, config.qk_dim, config.v_dim
        self.sizes = [heads * qk_dim, groups * qk_dim, groups * v_dim]
        self.qk_dim, self.v_dim = qk_dim, v_dim
        self.query_gain = math.sqrt(max(qk_dim, v_dim)) / qk_dim
        self.gain = fan_in_gain(config.d_model)
        self.in_proj = UnitLinear(config.d_model, sum(self.sizes), config.attn_bias)
        self.out_proj = Linear(heads * v_dim, config.d_model, config.attn_bias)
        self.q_norm = self.k_norm = None
        if config.qk_norm:
            include_weight = bool(config.qk_norm_include_weight)
            self.q_norm = Norm(qk_dim, config.norm_eps, include_weight)
            self.k_norm = Norm(qk_dim, config.norm_eps, include_weight)
        self._pds = PerDimScale(qk_dim) if config.per_dim_scale else None
        head = _rotary_order(qk_dim)
        rows = [row for i in range(heads + groups) for row in (i * qk_dim + f for f in head)]
        rows += range(len(rows), sum(self.sizes))
        of_a_head = ("q_norm.weight", "k_norm.weight", "_pds.per_dim_scale")
        self.reorder({"in_proj.weight": rows, "in_proj.bias": rows} | dict.fromkeys(of_a_head, head))

    def project(self, x: Float[Tensor, "tokens d_model"]) -> tuple[Query, Key, Value]:
        """Query, key and value of every token, from x times `gain`."""
        query, key, value = self.in_proj(x).split(self.sizes, dim=-1)
        query, key = query.unflatten(-1, (-1, self.qk_dim)), key.unflatten(-1, (-1, self.qk_dim))
        if self.q_norm is not None and self.k_norm is not None:
            query, key = self.q_norm(query), self.k_norm(key)
        scale = self.query_gain if self._pds is None else self._pds.factor().to(query.dtype) * self.query_gain
        return query * scale, key, value.unflatten(-1, (-1, self.v_dim))


class PerDimScale(nn.Module):
    """A learned positive factor for each feature of a query; 1 in a new model."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.per_dim_scale = nn.Parameter(torch.zeros(dim))

    def factor(self) -> Float[Tensor, " qk_dim"]:
        """softplus(parameter) / ln 2."""
        return F.softplus(self.per_dim_scale) * (1 / math.log(2))


def mix(
    query: Float[Tensor, "rows heads queries qk_dim"],
    key: Float[Tensor, "rows groups keys qk_dim"],
    value: Float[Tensor, "rows groups keys v_dim"],
    allowed: Bool[Tensor, "rows 1 queries keys"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "rows heads queries v_dim"]:
    """Attention of many query heads to fewer groups of keys and values, whose sizes may differ."""
    qk_dim, v_dim = query.shape[-1], value.shape[-1]
    if query.shape[1] != key.shape[1]:
        key, value = (t.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for t in (key, value))
    if qk_dim != v_dim:  # kernels take one size: zeros change no score and no sum
        width = max(qk_dim, v_dim)
        query, key, value = (F.pad(t, (0, width - t.shape[-1])) for t in (query, key, value))
    mixed = kernels.attention(query, key, value, allowed, causal)
    return mixed if mixed.shape[-1] == v_dim else mixed[..., :v_dim]


def _rotary_order(qk_dim: int) -> list[int]:
    """Features 0 1 2 3 4 5 6 7, of which 0 to 3 are two pairs, as 0 2 1 3 4 5 6 7."""
    turned = qk_dim // 2
    return [*range(0, turned, 2), *range(1, turned, 2), *range(turned, qk_dim)]
