"""Which tokens see which."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from toto.model.groups import visible_variates


class Visible(NamedTuple):
    """What new tokens see; None: along time all up to themselves, and of the variates all.

    A patch that is unseen takes no part: later patches do not see it, nor do other variates, and it sees none
    of these; but it sees what stands before it.
    """

    time: Bool[Tensor, "rows 1 new all_patches"] | None
    variates: Bool[Tensor, "batch new variates variates"] | None

    @classmethod
    def of(cls, groups: Int[Tensor, "batch variates all_patches"], num_new: int) -> "Visible":
        """Of the last patches of a run; all groups are as by `groups_by_patch`."""
        num_patches = groups.shape[2]
        positions = torch.arange(num_patches - num_new, num_patches, device=groups.device)[None]
        time = visible_in_time(groups.flatten(0, 1) >= 0, positions)
        return cls(time, visible_variates(groups[..., -num_new:]))


def visible_in_time(
    seen: Bool[Tensor, "rows all_patches"], positions: Int[Tensor, "one_or_all_rows new"]
) -> Bool[Tensor, "rows 1 new all_patches"] | None:
    """Which patches each new one sees: those before it that are seen, and itself; None where that is all.

    Args:
        seen: of patches of the past and new ones, each at its position.
        positions: of new patches, in each row.
    """
    num_patches = seen.shape[1]
    if bool((positions[:, -1] == num_patches - 1).all()) and bool(seen.all()):
        return None
    key, query = torch.arange(num_patches, device=seen.device), positions[:, None, :, None].to(seen.device)
    return ((key <= query) & seen[:, None, None]) | (key == query)


def groups_by_patch(
    series_ids: Int[Tensor, "batch variates"], unseen: Bool[Tensor, "batch variates patches"]
) -> Int[Tensor, "batch variates patches"]:
    """The group of every patch, as the layers take it: the id of its variate, or -1 - variate if unseen."""
    alone = -1 - torch.arange(series_ids.shape[1], device=series_ids.device)[:, None]
    return torch.where(unseen, alone, series_ids[..., None])
