"""When rows have ceased to be at the steps of a stream."""


class Misfits:
    """Counts rows that do not fit the steps of a stream; True is returned when there are too many.

    They need not follow each other directly: of steps that became half as long every second row fits. Of
    steps that became longer all fit, and leave equally many out.
    """

    TOLERATED = 10

    def __init__(self) -> None:
        self._num = self._num_alike = 0
        self._last: int | None = None  # steps from row to row; None after one that did not fit

    def add(self) -> bool:
        """Count a row that does not fit."""
        self._num, self._num_alike, self._last = self._num + 1, 0, None
        return self._num >= self.TOLERATED

    def add_fit(self, num_steps: int) -> bool:
        """Count a row that lies as many steps after the one before."""
        if self._last is not None:
            self._num = 0
        self._num_alike = 0 if num_steps == 1 else self._num_alike + 1 if num_steps == self._last else 1
        self._last = num_steps
        return self._num_alike >= self.TOLERATED
