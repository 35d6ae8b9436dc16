"""The device that a model runs on."""

import textwrap
from typing import Any

import torch

from toto.errors import InputError
from toto.inference.arguments import torch_device


def usable_device(name: str, value: Any = None) -> torch.device:
    """A device, once a tensor has been there.

    Args:
        name: of the argument or option, for messages.
        value: a device of torch, or its name; None or "auto": a GPU of CUDA if there is one, else the host.

    Raises:
        InputError: no device, or none that is here.
    """
    if value is None or value == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch_device(name, value)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = textwrap.shorten(str(error), 80, placeholder="...")
        raise InputError(
            f"{name}: {device} is not available here ({reason}); toto info lists devices"
        ) from None
    return device
