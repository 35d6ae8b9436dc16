"""The device that a command runs on."""

import torch

from toto.inference.compilation import RuntimeSettings
from toto.inference.device import usable_device


def choose_device(name: str | None) -> torch.device:
    """The device of the option `--device`, else that of the environment; see `RuntimeSettings.resolve`."""
    return RuntimeSettings.resolve().device if name is None else usable_device("--device", name)
