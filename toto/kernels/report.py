"""Which implementation of each operation runs here, in words for a person."""

import torch

from toto.kernels.linear_maps import BLOCKED_DTYPES
from toto.kernels.softmax_attention import flash_attn, optional

_NATIVE_ATTENTION = "native PyTorch (scaled_dot_product_attention)"


def kernel_report() -> dict[str, str]:
    """operation -> name of what runs it (`toto info`)."""
    found = []
    if torch.cuda.is_available():
        installed = {"flash-attn in half precision": flash_attn(), "xformers": optional("xformers")}
        found = [name for name, module in installed.items() if module is not None]
    dtypes = [name for name in ("float32", "bfloat16") if getattr(torch, name) in BLOCKED_DTYPES]
    blocked = f"oneDNN with blocked weights on the CPU in {' and '.join(dtypes)}" if dtypes else ""
    return {
        "attention": ", else ".join([*found, _NATIVE_ATTENTION]),
        "linear": ", else ".join([*([blocked] if blocked else []), "native PyTorch (linear)"]),
        "rms_norm": "native PyTorch (rms_norm)",
        "swiglu": "within the linear map where that is blocked, else native PyTorch",
    }
