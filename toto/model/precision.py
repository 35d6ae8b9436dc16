"""In which precision a model computes."""

from typing import Any

import torch
from torch import nn

from toto.errors import InputError

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


def resolve_precision(torch_dtype: Any, device: torch.device, name: str = "torch_dtype") -> torch.dtype:
    """The dtype of "auto", "float32", "bfloat16", "float64", or one of these dtypes of torch.

    "auto" is bfloat16 on a GPU that multiplies in it (NVIDIA from Ampere on), else float32. `name` is
    that of the argument.

    Raises:
        InputError: anything else.
    """
    if torch_dtype == "auto":
        fast = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if fast else torch.float32
    dtype = _PRECISIONS.get(torch_dtype) if isinstance(torch_dtype, str) else torch_dtype
    if not isinstance(dtype, torch.dtype) or dtype not in _PRECISIONS.values():
        names = ", ".join(["auto", *_PRECISIONS])
        raise InputError(f"{name} must be one of {names}, got {torch_dtype!r}")
    return dtype


def set_precision(model: nn.Module, dtype: torch.dtype) -> None:
    """Bring the weights of a model, of which `transformer` is a part, to a precision, in place.

    In bfloat16 it is the linear maps of the layers, with attention and its cache, that compute in half
    precision. Statistics, embedding, residual stream, norms, rotary angles, heads and draws stay
    in float32: they cost little, and rounding there would reach every forecast.
    """
    half = dtype is torch.bfloat16
    model.to(torch.float32 if half else dtype)
    if half:
        for module in model.get_submodule("transformer").modules():
            if isinstance(module, nn.Linear):
                module.to(dtype)


def precision_to_restore(model: nn.Module) -> str | None:
    """The `torch_dtype` with which saved weights of a model come back as they are (None: as stored).

    Files in half precision are read as float32.
    """
    linear_maps = (module for module in model.modules() if isinstance(module, nn.Linear))
    return "bfloat16" if any(m.weight.dtype is torch.bfloat16 for m in linear_maps) else None
