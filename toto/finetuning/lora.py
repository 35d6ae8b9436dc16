"""Low-rank adapters (LoRA, arXiv 2106.09685) on the linear maps of the layers, through PEFT."""

from dataclasses import replace

import torch

from toto.errors import MissingExtraError
from toto.finetuning.generations import Generation
from toto.inference.models import Model
from toto.model.adapter import Adapter

ALPHA_PER_RANK = 2.0


def add_adapters(generation: Generation, rank: int) -> None:
    """Freeze all weights and put an adapter, which starts as nothing, on every linear map of the layers.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtraError("peft", "finetune", 'fine-tuning with mode "lora"') from None
    generation.model.requires_grad_(False)
    alpha = int(ALPHA_PER_RANK * rank * generation.weight_size)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=generation.adapted)
    inject_adapter_in_model(config, generation.layers)


def taken_adapter(model: Model, pointer: Adapter) -> Adapter:
    """The adapters of a model, and its labels, as they are now.

    Args:
        pointer: to what the model was loaded from before it had adapters.
    """
    from peft.tuners.lora import LoraLayer

    down: dict[str, torch.Tensor] = {}
    up: dict[str, torch.Tensor] = {}
    scale = 1.0
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            down[name] = _copied(module.lora_A)
            up[name] = _copied(module.lora_B)
            scale = float(module.scaling["default"])
    labels = {
        name: weight.detach().cpu().clone()
        for name, weight in model.named_parameters()
        if name.endswith("variate_label")
    }
    taken = Adapter.in_published_order(model, pointer.base, scale, down, up, labels)
    return replace(taken, base_fingerprint=pointer.base_fingerprint)


def _copied(maps: torch.nn.ModuleDict) -> torch.Tensor:
    """The weight of the only adapter of a map."""
    weight = maps["default"].weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach().cpu().clone()
