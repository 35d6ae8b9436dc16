"""Linear maps, and the gated one of SwiGLU.

On x86 processors oneDNN multiplies by weights in its own blocked layout, up to three times as fast as
the plain product for few tokens, where reading and repacking the weight is most of the work. The blocked
copy is made at the first use and kept beside the weight, which therefore takes its memory twice.
"""

import functools
import platform

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from toto.kernels.derived import kept
from toto.kernels.norms import swiglu

_TYPICAL_TOKENS = 1024  # the blocked layout is chosen for it; it is as good for fewer and for more


def linear(
    x: Float[Tensor, "*batch features"],
    weight: Float[Tensor, "outputs features"],
    bias: Float[Tensor, " outputs"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """x weight^T + bias, as `torch.nn.functional.linear`."""
    if not _prepacks(x, weight):
        return F.linear(x, weight, bias)
    packed = kept("packed", (weight,), _pack)
    return _rows(torch.ops.mkldnn._linear_pointwise(_flat(x), packed, bias, "none", [], ""), x)


def gated_linear(
    x: Float[Tensor, "*batch features"],
    weight: Float[Tensor, "two_hidden features"],
    bias: Float[Tensor, " two_hidden"],
) -> Float[Tensor, "*batch hidden"]:
    """swiglu(linear(x, weight, bias)); packed, neither half is written before it is gated."""
    if not _prepacks(x, weight):
        return swiglu(F.linear(x, weight, bias))
    packed_gate, packed_up = kept("packed halves", (weight,), _pack_halves)
    gate_bias, up_bias = bias.chunk(2)
    flat = _flat(x)
    gate = torch.ops.mkldnn._linear_pointwise(flat, packed_gate, gate_bias, "swish", [], "")
    return _rows(torch.ops.mkldnn._linear_pointwise.binary(flat, gate, packed_up, up_bias, "mul"), x)


def prepare_linear(weight: Float[Tensor, "outputs features"]) -> None:
    """Make the blocked copy of a weight now, where there is to be one, and not at its first product."""
    if _prepacks(weight, weight):
        kept("packed", (weight,), _pack)


@functools.cache
def can_prepack(dtype: torch.dtype) -> bool:
    """Whether this machine and this build of PyTorch have the blocked product for a dtype."""
    ops = torch.ops.mkldnn
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return False
    if not hasattr(ops, "_reorder_linear_weight") or not hasattr(ops, "_linear_pointwise"):
        return False
    return dtype is torch.float32 or (dtype is torch.bfloat16 and ops._is_mkldnn_bf16_supported())


def _prepacks(x: Tensor, weight: Tensor) -> bool:
    """Whether the blocked product applies: plain CPU weights, and nothing that traces or differentiates."""
    return (
        weight.device.type == "cpu"
        and type(weight) in (Tensor, nn.Parameter)
        and type(x) is Tensor
        and x.dtype is weight.dtype
        and x.numel() > 0
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and bool(torch.backends.mkldnn.enabled)
        and can_prepack(weight.dtype)
    )


def _pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _TYPICAL_TOKENS)


def _pack_halves(weight: Tensor) -> tuple[Tensor, Tensor]:
    gate, up = weight.detach().chunk(2)
    return _pack(gate), _pack(up)


def _flat(x: Tensor) -> Float[Tensor, "tokens features"]:
    return x.reshape(-1, x.shape[-1])


def _rows(flat: Float[Tensor, "tokens outputs"], like: Tensor) -> Tensor:
    return flat.view(*like.shape[:-1], -1)
