"""Multi-head attention over the tokens of a row; what a row is, the caller decides."""

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from toto.model.feed_forward import Linear

Attend = Callable[
    [Float[Tensor, "rows tokens three heads head_dim"]], Float[Tensor, "rows heads mixed head_dim"]
]


class Attention(nn.Module):
    """Projections to queries, keys and values, and back.

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

    def forward(
        self, x: Float[Tensor, "rows tokens embed_dim"], attend: Attend
    ) -> Float[Tensor, "rows mixed embed_dim"]:
        """Project, let `attend` mix tokens head by head (all of them, or the newest), project back."""
        mixed = attend(self.wQKV(x).unflatten(-1, (3, self.num_heads, -1)))
        return self.wO(mixed.transpose(1, 2).flatten(2))


def _save_published_order(module: Attention, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    for name in (f"{prefix}wQKV.weight", f"{prefix}wQKV.bias"):
        if name in state:
            by_head = state[name].unflatten(0, (3, module.num_heads, -1))
            by_head = torch.cat([_interleaved(by_head[:2]), by_head[2:]])
            state[name] = rearrange(by_head, "three heads f ... -> (three f heads) ...")


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
