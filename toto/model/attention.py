"""The linear maps of multi-head attention; which tokens are mixed between them, the caller decides."""

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from toto.model.feed_forward import Linear


class Attention(nn.Module):
    """Projections of tokens to queries, keys and values, and of mixed values back.

    Published weights order the outputs of `wQKV` as (q|k|v, feature, head); in memory they are
    (q|k|v, head, feature), so that heads are contiguous, and the features of queries and keys come
    as all even ones, then all odd ones, so that rotary pairs are two halves (no product of a query
    and a key notices). `state_dict` and `load_state_dict` speak the published order: whoever saves
    or loads by any means gets what a checkpoint holds.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.wQKV = Linear(embed_dim, 3 * embed_dim)
        self.wO = Linear(embed_dim, embed_dim)
        self.register_state_dict_post_hook(_save_published_order)
        self.register_load_state_dict_pre_hook(_load_published_order)

    def project(
        self, x: Float[Tensor, "tokens embed_dim"]
    ) -> tuple[Float[Tensor, "tokens query_and_key heads head_dim"], Float[Tensor, "tokens heads head_dim"]]:
        """Query and key, then value, of every token and head."""
        qkv = self.wQKV(x).unflatten(-1, (3, self.num_heads, -1))
        return qkv[:, :2], qkv[:, 2]

    def output(self, mixed: Float[Tensor, "tokens embed_dim"]) -> Float[Tensor, "tokens embed_dim"]:
        """Back from the mixed values of all heads."""
        return self.wO(mixed)


def published_order(rows: Float[Tensor, "..."], num_heads: int) -> Float[Tensor, "..."]:
    """Rows of `wQKV`, or of what is added to it, in the order of published weights."""
    by_head = rows.unflatten(0, (3, num_heads, -1))
    by_head = torch.cat([_interleaved(by_head[:2]), by_head[2:]])
    return rearrange(by_head, "three heads f ... -> (three f heads) ...")


def _save_published_order(module: Attention, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    for name in (f"{prefix}wQKV.weight", f"{prefix}wQKV.bias"):
        if name in state:
            state[name] = published_order(state[name], module.num_heads)


def _load_published_order(module: Attention, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name in (f"{prefix}wQKV.weight", f"{prefix}wQKV.bias"):
        if name in state and state[name].shape[0] == 3 * module.embed_dim:  # else loading reports the shape
            by_head = rearrange(
                state[name], "(three f heads) ... -> three heads f ...", three=3, heads=module.num_heads
            )
            state[name] = torch.cat([_in_halves(by_head[:2]), by_head[2:]]).flatten(0, 2)


def _in_halves(by_head: Tensor) -> Tensor:
    """Features 0 1 2 3 4 5 as 0 2 4 1 3 5."""
    return rearrange(by_head, "three heads (f pair) ... -> three heads (pair f) ...", pair=2)


def _interleaved(by_head: Tensor) -> Tensor:
    """Features 0 2 4 1 3 5 as 0 1 2 3 4 5."""
    return rearrange(by_head, "three heads (pair f) ... -> three heads (f pair) ...", pair=2)
