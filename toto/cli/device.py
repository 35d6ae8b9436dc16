"""The device that a command runs on."""

import textwrap

import torch

from toto.errors import InputError


def choose_device(name: str | None) -> torch.device:
    """The named device, else a GPU of CUDA if there is one, else the host.

    Raises:
        InputError: no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = textwrap.shorten(str(error), 80, placeholder="...")
        raise InputError(
            f"--device {name}: not available here ({reason}); toto info lists the devices"
        ) from None
    return device
