"""Linear maps, and the gated one of SwiGLU.

On x86 processors oneDNN multiplies by weights in its own blocked layout, up to three times as fast as
the plain product for few tokens, where reading and repacking the weight is most of the work. The blocked
copy is made at the first use and kept beside the weight, which therefore takes its memory twice.
"""

import os
import platform
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import forward_ad

from toto.kernels.derived import kept
from toto.kernels.norms import swiglu

_TYPICAL_TOKENS = 1024  # the blocked layout is chosen for it; it is as good for fewer and for more

# oneDNN and PyTorch keep what they compiled for each number of tokens, half a megabyte, of the last 1,024:
# with series of many lengths memory grew by a gigabyte. The last 64 are as fast.
for _capacity in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_capacity, "64")


def linear(
    x: Float[Tensor, "*batch features"],
    weight: Float[Tensor, "outputs features"],
    bias: Float[Tensor, " outputs"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """x weight^T + bias, as `torch.nn.functional.linear`."""
    if not _has_blocked_product(x, weight):
        return F.linear(x, weight, bias)
    if torch.compiler.is_compiling():
        return torch.ops.toto.linear(x, weight, bias)
    return _blocked_linear(x, weight, bias)


def gated_linear(
    x: Float[Tensor, "*batch features"],
    weight: Float[Tensor, "two_hidden features"],
    bias: Float[Tensor, " two_hidden"] | None = None,
) -> Float[Tensor, "*batch hidden"]:
    """swiglu(linear(x, weight, bias)); blocked, neither half is written before it is gated."""
    if not _has_blocked_product(x, weight):
        return swiglu(F.linear(x, weight, bias))
    if torch.compiler.is_compiling():
        return torch.ops.toto.gated_linear(x, weight, bias)
    return _blocked_gated_linear(x, weight, bias)


def _blocked_dtypes() -> frozenset[torch.dtype]:
    """The dtypes in which this machine and this build of PyTorch have the blocked product."""
    ops = torch.ops.mkldnn
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return frozenset()
    if not hasattr(ops, "_reorder_linear_weight") or not hasattr(ops, "_linear_pointwise"):
        return frozenset()
    half = hasattr(ops, "_is_mkldnn_bf16_supported") and ops._is_mkldnn_bf16_supported()
    return frozenset([torch.float32, torch.bfloat16] if half else [torch.float32])


BLOCKED_DTYPES = _blocked_dtypes()


def _has_blocked_product(x: Tensor, weight: Tensor) -> bool:
    """Whether the blocked product applies: plain CPU weights, and nothing that differentiates."""
    return (
        weight.device.type == "cpu"
        and weight.dtype in BLOCKED_DTYPES
        and type(weight) in (Tensor, nn.Parameter)
        and type(x) is Tensor
        and x.dtype is weight.dtype
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")
        and (torch.compiler.is_compiling() or (x.numel() > 0 and _runs_plainly()))
    )


def _runs_plainly() -> bool:
    """Whether oneDNN is on, and nothing that its product knows nothing of runs around it.

    That is: a transform of `torch.func`, whose tensors have no memory of their own, or forward-mode
    differentiation, whose tangents would be lost.
    """
    transformed = torch._C._functorch.peek_interpreter_stack() is not None
    return bool(torch.backends.mkldnn.enabled) and not transformed and forward_ad._current_level < 0


def _blocked_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    blocked = kept("blocked", (weight,), partial(_block, weight))
    product = torch.ops.mkldnn._linear_pointwise(_flat(x), blocked, bias, "none", [], "")
    return product.view(*x.shape[:-1], -1)


def _blocked_gated_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    blocked_gate, blocked_up = kept("blocked halves", (weight,), partial(_block_halves, weight))
    gate_bias, up_bias = (None, None) if bias is None else bias.chunk(2)
    flat = _flat(x)
    gate = torch.ops.mkldnn._linear_pointwise(flat, blocked_gate, gate_bias, "swish", [], "")
    gated = torch.ops.mkldnn._linear_pointwise.binary(flat, gate, blocked_up, up_bias, "mul")
    return gated.view(*x.shape[:-1], -1)


_operations = torch.library.Library("toto", "DEF")  # a compiler does not look into these
_operations.define("linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor")
_operations.define("gated_linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor")
_operations.impl("linear", _blocked_linear, "CPU")
_operations.impl("gated_linear", _blocked_gated_linear, "CPU")


@torch.library.register_fake("toto::linear")
def _linear_shape(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


@torch.library.register_fake("toto::gated_linear")
def _gated_linear_shape(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0] // 2)


def _block(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _TYPICAL_TOKENS)


def _block_halves(weight: Tensor) -> tuple[Tensor, Tensor]:
    gate, up = weight.detach().chunk(2)
    return _block(gate), _block(up)


def _flat(x: Tensor) -> Float[Tensor, "tokens features"]:
    return x.reshape(-1, x.shape[-1])
