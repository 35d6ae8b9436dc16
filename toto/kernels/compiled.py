"""Functions that run through `torch.compile` where a compiler is there."""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

logger = logging.getLogger(__name__)


class Compiled:
    """A function of tensors, compiled at its first call for any length of their first axis above 1.

    A compiler would take a length of 1 for a case of its own; the function itself runs then, and
    also where compiling fails, for lack of a compiler say, after one line in the log. Options are those
    of `torch.compile`.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function = function
        self.compiled: Callable[..., Any] | None = torch.compile(function, **options)

    def __call__(self, *arguments: Any) -> Any:
        """The result of the function."""
        tensors = [leaf for leaf in pytree.tree_leaves(arguments) if isinstance(leaf, Tensor)]
        if self.compiled is None or any(len(tensor) == 1 for tensor in tensors):
            return self.function(*arguments)
        for tensor in tensors:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
        try:
            return self.compiled(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            logger.warning("cannot compile, going on without: %s", str(error).strip().partition("\n")[0])
            self.compiled = None
            return self.function(*arguments)
