"""The keys and values that decoding keeps of tokens it has already seen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

Keys = Float[Tensor, "rows groups patches qk_dim"]
Values = Float[Tensor, "rows groups patches v_dim"]
AllKeys = Float[Tensor, "rows groups all_patches qk_dim"]
AllValues = Float[Tensor, "rows groups all_patches v_dim"]
SamePast = TypeVar("SamePast", bound="PastTokens")


class PastTokens(ABC):
    """The past of new tokens, as the layers take it; rows are batch x variates."""

    @abstractmethod
    def positions(self, num_new: int) -> Int[Tensor, "one_or_all_rows new"]:
        """Those of new tokens, in every row alike or in each of its own; on the host."""

    @abstractmethod
    def followed_by(self, layer: int, key: Keys, value: Values) -> tuple[AllKeys, AllValues]:
        """All keys and values of a time layer, the new ones among them."""

    @abstractmethod
    def going_on(self: SamePast, num_kept: int, layers: Mapping[int, tuple[AllKeys, AllValues]]) -> SamePast:
        """The past of what comes next: this one and the first of the new tokens, from those of all layers."""


@dataclass(frozen=True, eq=False)
class Past(PastTokens):
    """Keys and values of the time layers, by layer; an empty one is the start of a sequence.

    A value: nothing changes it, and whoever goes on from it makes another. Any number of forecasts, in any
    number of threads, may go on from one.
    """

    num_tokens: int = 0
    layers: Mapping[int, tuple[Keys, Values]] = field(default_factory=dict)

    def positions(self, num_new: int) -> Int[Tensor, "1 new"]:
        """See `PastTokens`."""
        return torch.arange(self.num_tokens, self.num_tokens + num_new, device="cpu")[None]

    def followed_by(self, layer: int, key: Keys, value: Values) -> tuple[AllKeys, AllValues]:
        """All keys and values of a layer, the new ones last."""
        if layer not in self.layers:
            return key, value
        old_key, old_value = self.layers[layer]
        return torch.cat([old_key, key], dim=2), torch.cat([old_value, value], dim=2)

    def going_on(self, num_kept: int, layers: Mapping[int, tuple[AllKeys, AllValues]]) -> "Past":
        """See `PastTokens`."""
        if not num_kept:
            return self
        end = self.num_tokens + num_kept
        kept = {index: (k[:, :, :end], v[:, :, :end]) for index, (k, v) in layers.items()}
        if not self.num_tokens:  # these are views of all that was projected, which would stay in memory
            kept = {index: (k.clone(), v.clone()) for index, (k, v) in kept.items()}
        return Past(end, kept)
