"""What is kept of many streams, each of which has a slot."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

Slots = Int[Tensor, " streams"]


@runtime_checkable
class OfStreams(Protocol):
    """Tensors with a row for each stream."""

    def each(self: "Kept", change: Callable[[Tensor], Tensor]) -> "Kept":
        """The same with every tensor changed."""

    def tensors(self) -> Sequence[Tensor]:
        """All of them."""


Kept = TypeVar("Kept", bound=OfStreams)


class PerSlot(Generic[Kept]):
    """Rows of tensors by slot; there is room for twice as many when it ends."""

    def __init__(self) -> None:
        self._all: Kept | None = None

    def read(self, slots: Slots) -> Kept:
        """Those of some slots."""
        assert self._all is not None
        index = slots.to(self._all.tensors()[0].device)
        return self._all.each(lambda t: t[index])

    def write(self, slots: Slots, new: Kept) -> None:
        """Keep those of some slots, given in ascending order."""
        if self._all is None:
            self._all = new.each(lambda t: t.new_empty(0, *t.shape[1:]))
        held = len(self._all.tensors()[0])
        if int(slots[-1]) >= held:
            more = max(int(slots[-1]) + 1, 2 * held) - held
            self._all = self._all.each(lambda t: torch.cat([t, t.new_zeros(more, *t.shape[1:])]))
        index = slots.to(self._all.tensors()[0].device)
        for kept, tensor in zip(self._all.tensors(), new.tensors(), strict=True):
            kept[index] = tensor
