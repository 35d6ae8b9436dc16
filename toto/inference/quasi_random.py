"""Random words that cover their range more evenly over the sample paths than independent ones.

At every place the paths get points of a Sobol sequence in three dimensions, in an order and with a scrambling
of that place: nested uniform (Owen) scrambling by the hash of Laine and Karras (2011), as Burley (2020,
"Practical hash-based Owen scrambling") uses it for order and points.
"""

import functools

import torch
from jaxtyping import Int
from torch import Tensor

from toto.inference.philox import random_bits

_MASK = 2**32 - 1
_LOG_POINTS = 12  # further paths start anew, with scramblings of their own
_EVEN_MULTIPLIERS = (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6)
_SWAPS = ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF))


def sobol_bits(
    seed: int,
    series: Int[Tensor, "..."],
    variates: Int[Tensor, "..."],
    samples: Int[Tensor, "..."],
    steps: Int[Tensor, "..."],
) -> Int[Tensor, "... 3"]:
    """Three words in [0, 2**32) for every place, as `random_bits` takes it, but even over the samples.

    For every single sample the words are exactly uniform, and independent of each other and of those at
    other places: each is a bijection of its Sobol word plus a uniform key of its own. Hence every path
    has the distribution of a path from `random_bits`, and a mean over paths is as unbiased. The paths
    depend on each other: the first 2^k have one word in every interval of 2^(32-k).
    """
    keys = random_bits(seed, series, variates, samples >> _LOG_POINTS, steps)
    order = _mix(_reversed_bits(samples & (2**_LOG_POINTS - 1)), keys[..., 3]) >> (32 - _LOG_POINTS)
    return _reversed_bits(_mix(_sobol_points(keys.device)[order], keys[..., :3]))


@functools.cache
def _sobol_points(device: torch.device) -> Int[Tensor, "points 3"]:
    """The first points of the Sobol sequence, each at its number; bits reversed in both, number and words."""
    points = torch.quasirandom.SobolEngine(3).draw(2**_LOG_POINTS, dtype=torch.float64)
    numbers = _reversed_bits(torch.arange(2**_LOG_POINTS)) >> (32 - _LOG_POINTS)
    return _reversed_bits((points * 2**32).long())[numbers].to(device)


def _mix(word: Int[Tensor, "..."], key: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """A bijection of the words by a key, in which every bit depends on itself and lower bits alone.

    For words with their bits reversed it is a nested scrambling: it exchanges the halves of every interval
    of 2^i words, from the whole range down, or does not.
    """
    word = (word + key) & _MASK
    for multiplier in _EVEN_MULTIPLIERS:
        word = word ^ (word * multiplier & _MASK)
    return word


def _reversed_bits(word: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    for shift, mask in _SWAPS:
        word = (word & mask) << shift | (word >> shift) & mask
    return word
