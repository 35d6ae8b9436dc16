"""The optimisers of a run: AdamW for all weights, or Muon for the matrices inside the layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from toto.errors import ConfigError
from toto.model.toto import Toto
from toto.training.config import PretrainConfig


class Optimisers:
    """One or two optimisers with a common learning rate.

    Muon (Jordan et al. 2024) makes the update of a matrix orthogonal. Its size is matched to that of AdamW's
    (arXiv 2502.16982, equation 4), so that learning rate and weight decay mean the same for both.
    Embedding, head, biases and norms are always AdamW's; weight decay is for matrices only.
    """

    def __init__(self, model: Toto, config: PretrainConfig) -> None:
        inner = _matrices_of_layers(model) if config.optimiser == "muon" else []
        others = {id(p) for p in inner}
        self._parts: list[torch.optim.Optimizer] = [
            _adamw([p for p in model.parameters() if id(p) not in others], config)
        ]
        if inner:
            self._parts.append(_muon(inner, config))

    def step(self, learning_rate: float) -> None:
        """Update the weights by their gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    def state_dicts(self) -> list[dict[str, Any]]:
        """What a resumed run needs, of each optimiser."""
        return [part.state_dict() for part in self._parts]

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """The inverse of `state_dicts`."""
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)


def _matrices_of_layers(model: Toto) -> list[nn.Parameter]:
    return [p for p in model.model.transformer.layers.parameters() if p.ndim == 2]


def _adamw(parameters: list[nn.Parameter], config: PretrainConfig) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, config.beta2), fused=True)


def _muon(matrices: list[nn.Parameter], config: PretrainConfig) -> torch.optim.Optimizer:
    if not hasattr(torch.optim, "Muon"):
        raise ConfigError(f"optimiser 'muon' needs PyTorch 2.9, got {torch.__version__}: choose 'adamw'")
    return torch.optim.Muon(
        matrices, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
