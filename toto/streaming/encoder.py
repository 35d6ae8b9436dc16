"""What a model knows of many series that go on: keys and values, running statistics, the next prediction."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from toto.inference.context import Context
from toto.model.row_cache import RowCache
from toto.streaming.patch_grid import PatchGrid
from toto.streaming.prediction import Prediction
from toto.streaming.slots import Slots

Groups = Shaped[Tensor, "streams variates"]
Steps = Float[Tensor, "streams variates steps"]
Observed = Bool[Tensor, "streams variates steps"]


class Encoder(ABC):
    """The encoded pasts of streams that have a slot each; slots are given in ascending order.

    Only whole patches are encoded. What stands in a slot is overwritten by `begin` and continued by `extend`.
    """

    def __init__(self, num_variates: int, most_tokens: int, device: torch.device) -> None:
        self.num_variates = num_variates
        self.device = device
        self._cache = RowCache(most_tokens)

    @staticmethod
    @abstractmethod
    def grid(model: Any, max_context: int) -> PatchGrid:
        """Where patches lie for a model."""

    @abstractmethod
    def begin(self, slots: Slots, context: Context, context_length: int) -> None:
        """Encode contexts, with global statistics, if any, of their first `context_length` steps."""

    @abstractmethod
    def extend(self, slots: Slots, groups: Groups, values: Steps, observed: Observed) -> Prediction:
        """Encode steps that fill whole patches.

        Returns what each of these predicts, [streams, variates, patches, patch_size].
        """

    @abstractmethod
    def peek(
        self,
        slots: Slots,
        groups: Groups,
        values: Steps,
        observed: Observed,
        ends: Int[Tensor, "streams num_ends"],
    ) -> Prediction:
        """What would be predicted of one step each, [streams, variates, ends], had a patch ended there.

        `values` are the steps after the newest patch, of which `ends` counts the first few. The token of the
        last patch_size steps before an end stands where the next patch will, and overlaps the newest one;
        nothing of it is kept.
        """

    @abstractmethod
    def prediction(self, slots: Slots) -> Prediction:
        """Of the steps after the newest patch, [streams, variates, patch_size]."""

    def _rows(self, slots: Slots) -> Int[Tensor, " rows"]:
        """Those of the cache, one for each variate."""
        return (slots[:, None] * self.num_variates + torch.arange(self.num_variates)).flatten()


def pick(
    t: Shaped[Tensor, "streams variates steps"], places: Int[Tensor, "streams ends patch_size"]
) -> Shaped[Tensor, "streams variates ends patch_size"]:
    """For each stream the steps at the places before each end."""
    streams = torch.arange(len(t), device=t.device)[:, None, None]
    return t.transpose(1, 2)[streams, places].movedim(-1, 1)
