"""Batches made ahead by other processes, in the order of their numbers."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from torch.utils.data import DataLoader, Dataset

from toto.errors import InputError

Item = TypeVar("Item")

NUM_AHEAD = 2  # items that every process makes ahead


@dataclass(frozen=True)
class Numbered(Dataset[Item], Generic[Item]):
    """Items by their number, as a data set of PyTorch."""

    make: Callable[[int], Item]

    def __getitem__(self, number: int) -> Item:
        """Item `number`."""
        return self.make(number)


def unchanged(item: Item) -> Item:
    """The item itself: batches are made whole and need no collation."""
    return item


def stream(
    make: Callable[[int], Item], first: int = 0, *, num_processes: int = 0, pinned: bool = False
) -> Iterator[Item]:
    """`make(first)`, `make(first + 1)`, ... without end.

    The items are made by `num_processes` other processes, some ahead of their use, or by the caller where
    it is 0. An item depends on its number alone, so that the number of processes changes nothing but
    the speed. `pinned` puts tensors into memory from which a GPU copies them while it computes. `make` and
    the items must be picklable; tensors travel through shared memory, arrays through a pipe. Processes are
    started afresh (`spawn`): the caller's main module needs the usual guard.

    Raises InputError when `num_processes` is negative.
    """
    if num_processes < 0:
        raise InputError(f"num_processes must be at least 0, got {num_processes}")
    loader = DataLoader(
        Numbered(make),
        batch_size=None,
        sampler=itertools.count(first),
        collate_fn=unchanged,
        num_workers=num_processes,
        prefetch_factor=NUM_AHEAD if num_processes else None,
        pin_memory=pinned,
        multiprocessing_context="spawn" if num_processes else None,
    )
    return cast(Iterator[Item], iter(loader))
