"""Weights whose rows lie in memory in the order that is fast, and in files in the published one."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn


def reorder_on_save_and_load(module: nn.Module, orders: Mapping[str, Sequence[int]]) -> None:
    """Make `state_dict` and `load_state_dict` of a module speak the published order of its weights.

    Whoever saves or loads by any means gets what a checkpoint holds. `orders` says of each weight, by its
    name in the module, which published row each row in memory is.
    """
    inverse = {name: sorted(range(len(rows)), key=rows.__getitem__) for name, rows in orders.items()}
    module.register_state_dict_post_hook(partial(_reorder, inverse))
    module.register_load_state_dict_pre_hook(partial(_reorder, orders))


def _reorder(
    orders: Mapping[str, Sequence[int]], module: nn.Module, state: dict[str, Any], prefix: str, *_: Any
) -> None:
    for name, rows in orders.items():
        weight = state.get(prefix + name)
        if weight is not None and len(weight) == len(rows):  # else loading reports the shape
            state[prefix + name] = weight[torch.tensor(rows, device=weight.device)]
