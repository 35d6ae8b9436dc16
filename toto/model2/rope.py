"""Rotary positions of half of the features of a head, with xPos (arXiv 2212.10554) where a model has it."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.errors import InputError

XPOS_SPAN = 256  # positions over which a feature decays by its zeta
MOST_XPOS_POSITIONS = 16_384  # beyond, the smallest factors leave the range of float32

Factors = Float[Tensor, "tokens 1 pairs"]


class Rotary(NamedTuple):
    """Factors that turn, and with xPos scale, queries and keys at a run of positions; without parameters.

    The features of a head come as the first members of all rotary pairs, then the second ones, then those
    that pass through. The centre of xPos cancels in query . key; it is 0 in every call, so that a key
    that waits in a cache fits every later query.
    """

    query_cos: Factors
    query_sin: Factors
    key_cos: Factors
    key_sin: Factors

    @classmethod
    def at(
        cls,
        positions: Int[Tensor, "rows tokens"],
        qk_dim: int,
        use_xpos: bool,
        dtype: torch.dtype,
        device: torch.device,
    ) -> "Rotary":
        """Factors for the positions of all tokens of one row, then those of the next, in float32 or better.

        Angles, cosines and sines are float32 in any case, as published models have them. `positions` are on
        the host.

        Raises:
            InputError: positions at which xPos overflows.
        """
        if use_xpos and int(positions.max()) >= MOST_XPOS_POSITIONS:
            raise InputError(
                f"context and horizon must have at most {MOST_XPOS_POSITIONS} patches with a model that uses "
                f"xPos, got {int(positions.max()) + 1}: shorten the context"
            )
        dim = qk_dim // 2  # features that are turned
        pair = torch.arange(0, dim, 2, dtype=torch.float32, device=device)
        position = positions.flatten().to(device, torch.float32)[:, None, None]
        angle = position * (1.0 / 10000.0 ** (pair / dim))
        work = torch.promote_types(dtype, torch.float32)
        cos, sin = angle.cos().to(work), angle.sin().to(work)
        if not use_xpos:
            return cls(cos, sin, cos, sin)
        zeta = ((pair + 0.4 * dim) / (1.4 * dim)).to(work)
        scale = zeta ** (position.to(work) / XPOS_SPAN)
        return cls(cos * scale, sin * scale, cos / scale, sin / scale)

    def for_rows(self, num_rows: int) -> "Rotary":
        """Those of one row for the tokens of many rows, one row after the other."""
        return Rotary(*(t.repeat(num_rows, 1, 1) for t in self))

    def turn(
        self, query: Float[Tensor, "tokens heads qk_dim"], key: Float[Tensor, "tokens groups qk_dim"]
    ) -> tuple[Float[Tensor, "tokens heads qk_dim"], Float[Tensor, "tokens groups qk_dim"]]:
        """Queries and keys at their positions, in the dtype they came in."""
        return _turned(query, self.query_cos, self.query_sin), _turned(key, self.key_cos, self.key_sin)


def _turned(x: Tensor, cos: Factors, sin: Factors) -> Tensor:
    pairs = cos.shape[-1]
    first, second, rest = x.split([pairs, pairs, x.shape[-1] - 2 * pairs], dim=-1)
    turned_first = torch.addcmul(first * cos, second, sin, value=-1)
    turned_second = torch.addcmul(second * cos, first, sin)
    return torch.cat([turned_first, turned_second, rest], dim=-1).to(x.dtype)
