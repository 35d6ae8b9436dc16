"""The keys and values that decoding keeps of tokens it has already seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

Keys = Float[Tensor, "rows groups patches qk_dim"]
Values = Float[Tensor, "rows groups patches v_dim"]
AllKeys = Float[Tensor, "rows groups all_patches qk_dim"]
AllValues = Float[Tensor, "rows groups all_patches v_dim"]


@dataclass(frozen=True, eq=False)
class Past:
    """Keys and values of the time layers, by layer; an empty one is the start of a sequence.

    A value: nothing changes it, and whoever goes on from it makes another. Any number of forecasts, in any
    number of threads, may go on from one.
    """

    num_tokens: int = 0
    layers: Mapping[int, tuple[Keys, Values]] = field(default_factory=dict)

    def followed_by(self, layer: int, key: Keys, value: Values) -> tuple[AllKeys, AllValues]:
        """All keys and values of a layer, the new ones last."""
        if layer not in self.layers:
            return key, value
        old_key, old_value = self.layers[layer]
        return torch.cat([old_key, key], dim=2), torch.cat([old_value, value], dim=2)
