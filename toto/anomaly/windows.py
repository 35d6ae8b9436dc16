"""Which parts of a history are encoded to predict all of its steps.

Patches lie on a grid. Moving the grid, by padding on the left, changes how far before each step the last
whole patch ends, so several passes with moved grids give every step a fresher prediction. A history longer
than the context is cut into windows that overlap by half.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """A run of patches on a grid that is moved by `padding` steps to the left.

    `first` counts from the first step of the history, and is negative where the window begins with padding.
    Each of `num_tokens` ends `stride` steps after the one before it and predicts the `num_ahead` steps behind
    it. The first `num_unused` only give context: another window knows more before their predictions.
    """

    first: int
    num_tokens: int
    num_unused: int
    num_ahead: int

    def num_steps(self, patch_size: int, stride: int) -> int:
        """The steps that its patches cover."""
        return patch_size + (self.num_tokens - 1) * stride


def windows_of(
    num_steps: int, patch_size: int, stride: int, max_steps_ahead: int, context_length: int
) -> Iterator[Window]:
    """The windows that predict a history of `num_steps`, each step from at most `max_steps_ahead` before it.

    A step that several windows predict is to have the prediction from the fewest steps before it.
    """
    at_most = max(1, 1 + (context_length - patch_size) // stride)
    kept = (at_most + 1) // 2  # tokens of a window whose predictions are used
    for padding in range(0, stride, max_steps_ahead):
        num_tokens = -(-(padding + num_steps - patch_size) // stride)  # the last predicts the last step
        for begin in range(0, max(1, num_tokens - (at_most - kept)), kept):
            count = min(at_most, num_tokens - begin)
            if count > 0:
                first = begin * stride - padding
                yield Window(first, count, (at_most - kept) if begin else 0, max_steps_ahead)
