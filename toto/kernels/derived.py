"""What is computed from weights once and kept until the weights change."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

Derived = TypeVar("Derived")

_NUM_SAMPLED = 8  # rows, and columns, whose crossings are compared to notice a change behind PyTorch's back
_derived: WeakTensorKeyDictionary = WeakTensorKeyDictionary()  # first weight -> purpose -> what is kept


def kept(purpose: str, weights: tuple[Tensor, ...], compute: Callable[[], Derived]) -> Derived:
    """`compute()`, computed anew only after one of the weights that it reads was changed, moved or replaced.

    It is dropped together with the first of the weights; it carries no gradient.
    """
    by_purpose = _derived.get(weights[0])
    if by_purpose is None:
        by_purpose = _derived[weights[0]] = {}
    entry = by_purpose.get(purpose)
    if entry is None or not entry[0].matches(weights):
        with torch.no_grad():
            entry = by_purpose[purpose] = (_Fingerprint(weights), compute())
    return entry[1]


def forget(weights: Iterable[Tensor]) -> None:
    """Drop all that is kept of these weights."""
    for weight in weights:
        _derived.pop(weight, None)


class _Fingerprint:
    """Tells whether weights are still those that it was taken from.

    PyTorch counts changes in place, but not those through `.data`, by which adapters are merged
    and averages swapped in; on the host a few elements are therefore compared as well.
    """

    def __init__(self, weights: tuple[Tensor, ...]) -> None:
        self.states = [_state(w) for w in weights]
        self.sampled = [_sampled(w) for w in weights if w.device.type == "cpu"]
        self.values = [view.clone() for view in self.sampled]

    def matches(self, weights: tuple[Tensor, ...]) -> bool:
        """Whether nothing has changed."""
        return self.states == [_state(w) for w in weights] and all(
            view.equal(values) for view, values in zip(self.sampled, self.values, strict=True)
        )


def _state(weight: Tensor) -> tuple[int, int, torch.dtype, torch.Size]:
    version = 0 if weight.is_inference() else weight._version
    return weight.data_ptr(), version, weight.dtype, weight.shape


def _sampled(weight: Tensor) -> Tensor:
    """A view of a grid of elements, spread over the weight, whatever its strides."""
    return weight.detach()[tuple(slice(None, None, -(-size // _NUM_SAMPLED)) for size in weight.shape)]
