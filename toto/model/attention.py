"""Multi-head attention over the tokens of a row; what a row is, the caller decides."""

from collections.abc import Callable
from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


class Attention(nn.Module):
    """Projections to queries, keys and values, and back.

    Published weights order the outputs of `wQKV` as (q|k|v, feature, head); in memory they are
    (q|k|v, head, feature), so that heads are contiguous. `state_dict` and `load_state_dict` speak
    the published order: whoever saves or loads by any means gets what a checkpoint holds.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.wQKV = nn.Linear(embed_dim, 3 * embed_dim)
        self.wO = nn.Linear(embed_dim, embed_dim)
        self.register_state_dict_post_hook(_save_published_order)
        self.register_load_state_dict_pre_hook(_load_published_order)

    def forward(
        self, x: Float[Tensor, "rows tokens embed_dim"], attend: Attend
    ) -> Float[Tensor, "rows tokens embed_dim"]:
        """Project, let `attend(query, key, value)` mix tokens head by head, project back."""
        query, key, value = rearrange(
            self.wQKV(x),
            "rows tokens (three heads f) -> three rows heads tokens f",
            three=3,
            heads=self.num_heads,
        )
        return self.wO(rearrange(attend(query, key, value), "rows heads tokens f -> rows tokens (heads f)"))


def _save_published_order(module: Attention, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    for name in (f"{prefix}wQKV.weight", f"{prefix}wQKV.bias"):
        if name in state:
            state[name] = rearrange(
                state[name], "(three heads f) ... -> (three f heads) ...", three=3, heads=module.num_heads
            )


def _load_published_order(module: Attention, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name in (f"{prefix}wQKV.weight", f"{prefix}wQKV.bias"):
        if name in state and state[name].shape[0] == 3 * module.embed_dim:  # else loading reports the shape
            state[name] = rearrange(
                state[name], "(three f heads) ... -> (three heads f) ...", three=3, heads=module.num_heads
            )
