"""Rotary positions with xPos scaling, as published weights expect them (arXiv 2212.10554)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

XPOS_SPAN = 512  # positions over which a feature decays by its zeta


class Rotary(NamedTuple):
    """Tables for a run of consecutive positions; they hold no parameters.

    Two peculiarities belong to published weights. Angles belong to pairs of adjacent features
    (2j, 2j + 1), while the xPos scales are laid out as two copies side by side. Because of that
    mix absolute positions matter slightly, so callers number tokens from the start of the
    context. The centre of xPos cancels in query . key; it is 0 in every call, so that a key that
    waits in a cache fits every later query.
    """

    cos: Float[Tensor, "tokens half"]
    sin: Float[Tensor, "tokens half"]
    xpos: Float[Tensor, "tokens head_dim"]

    @classmethod
    def at(cls, first: int, count: int, head_dim: int, dtype: torch.dtype, device: torch.device) -> "Rotary":
        """Tables for the positions [first, first + count), computed in float32 or better."""
        work = torch.promote_types(dtype, torch.float32)
        pair = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device)
        frequency = (1.0 / 10000.0 ** (pair / head_dim)).to(work)
        position = torch.arange(first, first + count, dtype=work, device=device)
        angle = position[:, None] * frequency
        zeta = ((pair + 0.4 * head_dim) / (1.4 * head_dim)).to(work)
        xpos = zeta ** (position[:, None] / XPOS_SPAN)
        return cls(angle.cos().to(dtype), angle.sin().to(dtype), torch.cat([xpos, xpos], -1).to(dtype))

    def query(self, q: Float[Tensor, "*rows tokens head_dim"]) -> Float[Tensor, "*rows tokens head_dim"]:
        """Queries turned and scaled to their positions."""
        return self._turn(q) * self.xpos

    def key(self, k: Float[Tensor, "*rows tokens head_dim"]) -> Float[Tensor, "*rows tokens head_dim"]:
        """Keys turned and scaled to their positions."""
        return self._turn(k) / self.xpos

    def _turn(self, x: Tensor) -> Tensor:
        a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
        return torch.stack([a * self.cos - b * self.sin, b * self.cos + a * self.sin], dim=-1).flatten(-2)
