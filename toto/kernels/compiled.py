"""Functions that run through `torch.compile` where a compiler is there."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from toto.errors import InputError

logger = logging.getLogger(__name__)


class Compiled:
    """A function of tensors, compiled at its first call for any length of their first axis above 1.

    A compiler would take a length of 1 for a case of its own; the function itself runs then, and
    also where compiling has failed. Made by `compile_together`.
    """

    def __init__(self, function: Callable[..., Any], compiles: threading.Event, **options: Any) -> None:
        self.function = function
        self.compiles = compiles
        self.compiled = torch.compile(function, **options)

    def __call__(self, *arguments: Any) -> Any:
        """The result of the function."""
        tensors = [leaf for leaf in pytree.tree_leaves(arguments) if isinstance(leaf, Tensor)]
        if not self.compiles.is_set() or any(len(tensor) == 1 for tensor in tensors):
            return self.function(*arguments)
        if not torch.is_grad_enabled():  # a compiler makes a case of how each view was cut from its base
            arguments = pytree.tree_map_only(Tensor, Tensor.detach, arguments)
            tensors = [leaf for leaf in pytree.tree_leaves(arguments) if isinstance(leaf, Tensor)]
        for tensor in tensors:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
        try:
            return self.compiled(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            self.compiles.clear()
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            logger.warning("cannot compile, going on without: %s", " ".join(lines[:2]))
            return self.function(*arguments)


def compile_together(
    functions: Iterable[Callable[..., Any]],
    mode: str | None = None,
    backend: Any = "inductor",
    **options: Any,
) -> list[Callable[..., Any]]:
    """The functions, compiled; the options are those of `torch.compile`.

    Where one of them cannot be compiled, for lack of a compiler say, one line is logged and all of
    them run uncompiled from then on.

    Raises:
        InputError: a mode or a backend that `torch.compile` does not have.
    """
    if not torch._dynamo.is_dynamo_supported():
        logger.warning("cannot compile, going on without: torch.compile does not support this platform")
        return list(functions)
    _check(mode, backend)
    compiles = threading.Event()
    compiles.set()
    return [Compiled(function, compiles, mode=mode, backend=backend, **options) for function in functions]


def _check(mode: Any, backend: Any) -> None:
    modes, backends = torch._inductor.list_mode_options(), torch.compiler.list_backends(exclude_tags=())
    if mode is not None and mode not in modes:
        raise InputError(f"mode must be one of {', '.join(modes)}, got {mode!r}")
    if not callable(backend) and backend not in backends:
        raise InputError(f"backend must be a function or one of {', '.join(backends)}, got {backend!r}")
