"""Work in parts, and in smaller ones where memory runs out."""

import logging
from collections.abc import Callable

import torch

logger = logging.getLogger(__name__)

# how a failed allocation is reported where it has no type of its own: by the allocators of the host and of
# Apple GPUs, by C++, and by oneDNN, which only says what it could not do for lack of memory
_PHRASES = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "could not create a primitive",
    "could not execute a primitive",
)


def in_parts(total: int, at_once: int, what: str, run: Callable[[int, int], None]) -> None:
    """Call run(first, end) for consecutive parts of range(total), about equal, none above `at_once`.

    Recovers as `in_parts_of_size` does.
    """
    in_parts_of_size(lambda first, most: equal_part(total - first, min(at_once, most)), total, what, run)


def in_parts_of_size(
    size: Callable[[int, int], int], total: int, what: str, run: Callable[[int, int], None]
) -> None:
    """Call run(first, end) for consecutive parts of range(total), each of size(first, at_most) items.

    A part that runs out of memory is halved and run again, with one line in the log, and so are all
    that follow; what is done stays done. `what` names the items there. The error of a part of one
    item escapes as it is.
    """
    first, at_most = 0, total
    while first < total:
        number = size(first, at_most)
        if _fits(run, first, first + number):
            first += number
            continue
        at_most = number // 2
        torch.cuda.empty_cache()  # where it is in use
        logger.warning("out of memory with %d %s at once: going on with %d", number, what, at_most)


def equal_part(total: int, at_most: int) -> int:
    """The size of the first of the fewest parts that are about equal: 256 at most 100 gives 86."""
    num_parts = -(-total // at_most)
    return -(-total // num_parts)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of a GPU or of the host."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _PHRASES)


def _fits(run: Callable[[int, int], None], first: int, end: int) -> bool:
    """Run a part; False if memory ran out.

    The error and its traceback, which hold all tensors of the part, are gone when this returns.
    """
    try:
        run(first, end)
    except (MemoryError, RuntimeError) as error:
        if end - first == 1 or not is_out_of_memory(error):
            raise
        return False
    return True
