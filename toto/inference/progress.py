"""How far a call has come."""

from collections.abc import Callable

Progress = Callable[[int, int], None]


class Meter:
    """Reports progress, in patches of paths."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0

    def add(self, number: int) -> None:
        """Count so many more."""
        self.done += number
        if self.progress is not None:
            self.progress(self.done, self.total)
