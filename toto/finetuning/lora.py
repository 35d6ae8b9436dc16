"""Low-rank adapters (LoRA, arXiv 2106.09685) on the linear maps of the layers, through PEFT."""

import torch

from toto.errors import MissingExtraError
from toto.model.adapter import Adapter
from toto.model.toto import Toto

TARGETS = r".*\.(wQKV|wO|mlp\.0|mlp\.2)"
ALPHA_PER_RANK = 2.0


def add_adapters(toto: Toto, rank: int) -> None:
    """Freeze all weights and put an adapter, which starts as nothing, on every linear map of the layers.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtraError("peft", "finetune", 'fine-tuning with mode "lora"') from None
    toto.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=int(ALPHA_PER_RANK * rank), target_modules=TARGETS)
    inject_adapter_in_model(config, toto.model.transformer)


def taken_adapter(toto: Toto, base: str) -> Adapter:
    """The adapters of a model, and its labels, as they are now.

    Args:
        base: what the model was loaded from before it had adapters.
    """
    from peft.tuners.lora import LoraLayer

    down: dict[str, torch.Tensor] = {}
    up: dict[str, torch.Tensor] = {}
    scale = 1.0
    for name, module in toto.named_modules():
        if isinstance(module, LoraLayer):
            down[name] = _copied(module.lora_A)
            up[name] = _copied(module.lora_B)
            scale = float(module.scaling["default"])
    labels = {
        name: weight.detach().cpu().clone()
        for name, weight in toto.named_parameters()
        if name.endswith("variate_label")
    }
    return Adapter.in_published_order(base, scale, down, up, labels, toto.config.num_heads)


def _copied(maps: torch.nn.ModuleDict) -> torch.Tensor:
    """The weight of the only adapter of a map."""
    weight = maps["default"].weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach().cpu().clone()
