"""RMSNorm and SwiGLU as functions."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def rms_norm(
    x: Float[Tensor, "*batch features"], scale: Float[Tensor, " features"], eps: float = 1e-8
) -> Float[Tensor, "*batch features"]:
    """x / sqrt(mean(x^2) + eps) * scale, over the last axis."""
    return F.rms_norm(x, scale.shape, scale, eps)


def swiglu(gate_and_up: Float[Tensor, "*batch two_hidden"]) -> Float[Tensor, "*batch hidden"]:
    """silu(gate) * up, with gate the first and up the second half of the last axis."""
    gate, up = gate_and_up.chunk(2, dim=-1)
    return F.silu(gate) * up
