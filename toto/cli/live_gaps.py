"""Whether a row that leaves a gap came after one, or has a time from the future: the next row tells."""

from typing import NamedTuple

from toto.cli.live_rows import Row


class Turn(NamedTuple):
    """Rows whose turn it is, in order, and one that is left out as its time was ahead."""

    rows: list[Row]
    ahead: Row | None = None


class Gaps:
    """Holds a row behind a gap back until the next one comes; rows without a gap pass.

    If the next one is later, time has gone on, and both are taken; if it lies in the gap, the time of the one
    that waited was wrong. Nothing is lost by waiting: the first step behind a gap is never judged.
    """

    def __init__(self) -> None:
        self._held: Row | None = None
        self._gap = 0  # steps from the newest of the stream to the row that waits

    def pass_on(self, row: Row, steps: int) -> Turn:
        """What to take now that a row came, so many steps after the newest of the stream; late ones pass."""
        held, gap = self._held, self._gap
        if steps <= 0:
            return Turn([row])
        if held is None or steps < gap:
            ready, ahead = [], held
        elif steps == gap:  # it came twice
            return Turn([])
        else:
            ready, ahead, steps = [held], None, steps - gap
        self._held, self._gap = (row, steps) if steps > 1 else (None, 0)
        return Turn(ready if steps > 1 else [*ready, row], ahead)
