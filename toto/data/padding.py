"""Left padding to whole patches, and values too large to be data."""

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor


def pad_array(
    values: Shaped[Tensor, "*batch variates time"], patch_stride: int
) -> Shaped[Tensor, "*batch variates padded_time"]:
    """`values` with zeros (False) on the left, up to a multiple of `patch_stride` steps."""
    missing = -values.shape[-1] % patch_stride
    return torch.cat([values.new_zeros(*values.shape[:-1], missing), values], dim=-1)


def pad_id_mask(
    id_mask: Shaped[Tensor, "*batch variates time"], patch_stride: int
) -> Shaped[Tensor, "*batch variates padded_time"]:
    """Group ids with the leftmost id repeated on the left, up to a multiple of `patch_stride` steps."""
    missing = -id_mask.shape[-1] % patch_stride
    return torch.cat([id_mask[..., :1].expand(*id_mask.shape[:-1], missing), id_mask], dim=-1)


def is_extreme_value(t: Shaped[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
    """True where a value is not finite, or at least half as large as its dtype can hold."""
    largest = torch.finfo(t.dtype).max if t.is_floating_point() else torch.iinfo(t.dtype).max
    return ~t.isfinite() | (t.abs() >= largest / 2)


def replace_extreme_values(
    t: Shaped[Tensor, "*shape"], replacement: float | int = 0
) -> Shaped[Tensor, "*shape"]:
    """`t` with every extreme value replaced."""
    return torch.where(is_extreme_value(t), torch.full_like(t, replacement), t)
