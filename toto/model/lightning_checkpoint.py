"""Checkpoints as Lightning writes them (.ckpt): pickled, so only tensors and plain values are read.

Files of toto-ts hold weights without the configuration of the model, which is that of the model they were
fine-tuned from; files written here hold both.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toto.errors import CheckpointError

SUFFIX = ".ckpt"
CONFIG_KEY = "toto_config"
_PREFIX = "model."  # what was trained holds the backbone under this name, as `Toto` does


def read_lightning(path: Path, device: str | torch.device = "cpu") -> Mapping[str, Any]:
    """The content of a file; its tensors are mapped into memory, and change with the file.

    Raises:
        CheckpointError: no such file, or one that holds other objects.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True, mmap=True)
    except Exception as error:  # a foreign file fails in many ways: no zip, no pickle, objects refused
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path} is not read: of a .ckpt file only tensors and plain values are, since other pickled "
            f"objects can run code ({reason})"
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} must hold a checkpoint of Lightning, got {type(content).__name__}")
    return content


def lightning_config(path: Path) -> dict[str, Any] | None:
    """The configuration that a file carries; None if it carries none."""
    config = read_lightning(path).get(CONFIG_KEY)
    return dict(config) if isinstance(config, Mapping) else None


def lightning_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """Name -> weight of a file, under the names that `Toto` has.

    Raises:
        CheckpointError: a file that is not read, or that holds no weights.
    """
    state = read_lightning(path, device).get("state_dict")
    if not isinstance(state, Mapping) or not any(name.startswith(_PREFIX) for name in state):
        raise CheckpointError(f'{path} holds no weights of a fine-tuned Toto: no "state_dict" with "model.*"')
    return {name: w.clone() for name, w in state.items() if name.startswith(_PREFIX)}  # apart from the file
