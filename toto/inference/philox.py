"""Random words that depend on a seed and a place, not on the order in which they are asked for.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011),
in int64 arithmetic, because PyTorch computes with it on every device.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from toto.errors import InputError

_MASK = 2**32 - 1
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def random_bits(
    seed: int,
    series: Int[Tensor, "..."],
    variates: Int[Tensor, "..."],
    samples: Int[Tensor, "..."],
    steps: Int[Tensor, "..."],
) -> Int[Tensor, "... 4"]:
    """Four uniform words in [0, 2**32) for every place (series, variate, sample, step) under `seed`.

    The int64 coordinates lie in [0, 2**32) and broadcast against each other; the last axis of the result
    holds the words. The same seed and place give the same words on every device, alone or in any batch.

    Raises:
        InputError: a seed that does not fit 64 bits.
    """
    if not -(2**63) <= seed < 2**64:
        raise InputError(f"seed must lie between -2**63 and 2**64 - 1, got {seed}")
    key = [seed & _MASK, seed >> 32 & _MASK]
    words: tuple[Tensor, ...] = (steps, samples, variates, series)
    for _ in range(_ROUNDS):
        words = _round(words, key)
        key = [(k + w) & _MASK for k, w in zip(key, _WEYL, strict=True)]
    return torch.stack(torch.broadcast_tensors(*words), -1)


def _round(words: tuple[Tensor, ...], key: list[int]) -> tuple[Tensor, ...]:
    first, second, third, fourth = words
    high_first, low_first = _multiply(first, _MULTIPLIERS[0])
    high_third, low_third = _multiply(third, _MULTIPLIERS[1])
    first, third = (high_third ^ second).bitwise_xor_(key[0]), (high_first ^ fourth).bitwise_xor_(key[1])
    return first, low_third, third, low_first


def _multiply(word: Tensor, multiplier: int) -> tuple[Tensor, Tensor]:
    """High and low word of the product. int64 wraps modulo 2**64, which keeps the 64 bits of the product."""
    product = word * multiplier
    return (product >> 32).bitwise_and_(_MASK), product.bitwise_and_(_MASK)
