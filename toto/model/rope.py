"""Rotary positions with xPos scaling, as published weights expect them (arXiv 2212.10554)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

XPOS_SPAN = 512  # positions over which a feature decays by its zeta


class Rotary(NamedTuple):
    """Factors that turn and scale queries and keys at a run of positions; they hold no parameters.

    Features come as the even ones of the published order, then the odd ones: the halves of a
    rotary pair. turned = straight * x + crossed * (x with its halves swapped).

    Two peculiarities belong to published weights. Angles belong to pairs of adjacent features
    (2j, 2j + 1), while the xPos scales are laid out as two copies side by side. Because of that
    mix absolute positions matter slightly, so callers number tokens from the start of the
    context. The centre of xPos cancels in query . key; it is 0 in every call, so that a key that
    waits in a cache fits every later query.
    """

    straight: Float[Tensor, "tokens query_and_key 1 head_dim"]
    crossed: Float[Tensor, "tokens query_and_key 1 head_dim"]

    @classmethod
    def at(
        cls,
        first: int | Int[Tensor, " rows"],
        count: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> "Rotary":
        """Factors for the positions [first, first + count), in float32 or better.

        For rows with firsts of their own, all those of one row, then those of the next.
        """
        work = torch.promote_types(dtype, torch.float32)
        pair = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device)
        frequency = (1.0 / 10000.0 ** (pair / head_dim)).to(work)
        firsts = torch.as_tensor(first, device=device)
        position = (firsts[..., None] + torch.arange(count, device=device)).flatten().to(work)
        angle = position[:, None] * frequency
        zeta = ((pair + 0.4 * head_dim) / (1.4 * head_dim)).to(work)
        xpos = zeta ** (position[:, None] / XPOS_SPAN)
        xpos = torch.cat([xpos, xpos], -1)
        xpos = torch.cat([xpos[:, ::2], xpos[:, 1::2]], -1)
        scale = torch.stack([xpos, xpos.reciprocal()], dim=1)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        straight, crossed = torch.cat([cos, cos], -1) * scale, torch.cat([-sin, sin], -1) * scale
        return cls(straight[:, :, None], crossed[:, :, None])

    def for_rows(self, num_rows: int) -> "Rotary":
        """Factors for the tokens of many rows, one row after the other."""
        if num_rows == 1:
            return self
        return Rotary(*(t.expand(num_rows, *t.shape).flatten(0, 1).contiguous() for t in self))

    def turn(
        self, query_and_key: Float[Tensor, "tokens query_and_key heads head_dim"]
    ) -> Float[Tensor, "tokens query_and_key heads head_dim"]:
        """Queries and keys turned and scaled to their positions, in the dtype they came in."""
        half = query_and_key.shape[-1] // 2
        first, second = query_and_key.split(half, dim=-1)
        turned = query_and_key * self.straight
        crossed_first, crossed_second = self.crossed.split(half, dim=-1)
        if turned.requires_grad:
            crossed = torch.cat([second * crossed_first, first * crossed_second], dim=-1)
            return (turned + crossed).to(query_and_key.dtype)
        turned[..., :half].addcmul_(second, crossed_first)
        turned[..., half:].addcmul_(first, crossed_second)
        return turned.to(query_and_key.dtype)
