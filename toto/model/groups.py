"""Which variates see each other."""

from einops import rearrange
from jaxtyping import Bool, Shaped
from torch import Tensor


def visible_variates(
    groups: Shaped[Tensor, "batch variates patches"],
) -> Bool[Tensor, "batch patches variates variates"] | None:
    """Which variates see each other at every patch; None where all do."""
    if groups.shape[1] == 1 or bool((groups == groups[:, :1]).all()):
        return None
    by_patch = rearrange(groups, "batch variates patches -> batch patches variates")
    return by_patch[..., :, None] == by_patch[..., None, :]
