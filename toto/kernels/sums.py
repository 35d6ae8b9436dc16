"""Running sums, and the precision in which they run."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def accumulation_dtype(device: torch.device) -> torch.dtype:
    """float64 for running sums and tail probabilities, or float32 where the device has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def running_sum(x: Float[Tensor, "*batch steps"]) -> Float[Tensor, "*batch steps"]:
    """The sum of the values up to and including each step.

    CUDA has no deterministic `cumsum`: where determinism is asked for, sums of doubling length
    are added there.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        return _sum_by_doubling(x)
    return x.cumsum(-1)


def _sum_by_doubling(x: Tensor) -> Tensor:
    length = 1
    while length < x.shape[-1]:
        x = x + F.pad(x, (length, 0))[..., : x.shape[-1]]
        length *= 2
    return x
