"""The linear maps of multi-head attention; which tokens are mixed between them, the caller decides."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from toto.model.feed_forward import Linear
from toto.model.published_order import Reordered


class Attention(Reordered):
    """Projections of tokens to queries, keys and values, and of mixed values back.

    Published weights order the outputs of `wQKV` as (q|k|v, feature, head); in memory they are
    (q|k|v, head, feature), so that heads are contiguous, and the features of queries and keys come
    as all even ones, then all odd ones, so that rotary pairs are two halves (no product of a query
    and a key notices).
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.wQKV = Linear(embed_dim, 3 * embed_dim)
        self.wO = Linear(embed_dim, embed_dim)
        rows = _published_rows(embed_dim, num_heads)
        self.reorder({"wQKV.weight": rows, "wQKV.bias": rows})

    def project(
        self, x: Float[Tensor, "tokens embed_dim"]
    ) -> tuple[Float[Tensor, "tokens query_and_key heads head_dim"], Float[Tensor, "tokens heads head_dim"]]:
        """Query and key, then value, of every token and head."""
        qkv = self.wQKV(x).unflatten(-1, (3, self.num_heads, -1))
        return qkv[:, :2], qkv[:, 2]

    def output(self, mixed: Float[Tensor, "tokens embed_dim"]) -> Float[Tensor, "tokens embed_dim"]:
        """Back from the mixed values of all heads."""
        return self.wO(mixed)


def _published_rows(embed_dim: int, num_heads: int) -> list[int]:
    """Which published row of `wQKV` each row in memory is."""
    published = torch.arange(3 * embed_dim, device="cpu")  # also where models are made without memory
    by_head = rearrange(published, "(three f heads) -> three heads f", three=3, heads=num_heads)
    in_halves = rearrange(by_head[:2], "two heads (f pair) -> two heads (pair f)", pair=2)
    rows: list[int] = torch.cat([in_halves, by_head[2:]]).flatten().tolist()
    return rows
