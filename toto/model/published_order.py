"""Weights whose rows lie in memory in the order that is fast, and in files in the published one."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn


class Reordered(nn.Module):
    """A module whose `state_dict` and `load_state_dict` speak the published order of its weights.

    Whoever saves or loads by any means gets what a checkpoint holds.
    """

    def reorder(self, orders: Mapping[str, Sequence[int]]) -> None:
        """Say of each weight, by its name in the module, which published row each row in memory is."""
        self._of_files = {
            name: sorted(range(len(rows)), key=rows.__getitem__) for name, rows in orders.items()
        }
        self.register_state_dict_post_hook(partial(_reorder, self._of_files))
        self.register_load_state_dict_pre_hook(partial(_reorder, orders))

    def in_published_order(
        self, name: str, rows: Shaped[Tensor, " rows *features"]
    ) -> Shaped[Tensor, " rows *features"]:
        """Rows of a weight, or of what is added to it, as files have them."""
        order = self._of_files.get(name)
        return rows if order is None else _ordered(rows, order)


def in_published_order(
    model: nn.Module, linear_map: str, rows: Shaped[Tensor, " rows *features"]
) -> Shaped[Tensor, " rows *features"]:
    """Rows of the weight of a linear map of a model, or of what is added to it, as files have them."""
    owner, _, name = linear_map.rpartition(".")
    module = model.get_submodule(owner)
    return module.in_published_order(f"{name}.weight", rows) if isinstance(module, Reordered) else rows


def _reorder(
    orders: Mapping[str, Sequence[int]], module: nn.Module, state: dict[str, Any], prefix: str, *_: Any
) -> None:
    for name, order in orders.items():
        weight = state.get(prefix + name)
        if weight is not None and len(weight) == len(order):  # else loading reports the shape
            state[prefix + name] = _ordered(weight, order)


def _ordered(rows: Tensor, order: Sequence[int]) -> Tensor:
    return rows[torch.tensor(order, device=rows.device)]
