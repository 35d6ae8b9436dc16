"""Time stamps that are no steps of the grid of their series."""

import logging

import numpy as np

from toto.data.time_grid import Stamps, TimeGrid

log = logging.getLogger(__name__)


class OffGrid:
    """Counts the time stamps of a frame that are moved to a step.

    count: of stamps.
    farthest: how far one was moved at most, in steps.
    """

    def __init__(self) -> None:
        self.count, self.farthest = 0, 0.0

    def add(self, grid: TimeGrid, stamps: Stamps) -> None:
        """Count those of these stamps that are no steps of their grid."""
        off = stamps[~grid.holds(stamps)]
        if len(off) == 0:
            return
        self.count += len(off)
        away = np.abs(off - grid.at(grid.nearest(off))).max()
        seconds = away / np.timedelta64(1, "s") if grid.counts_time else away
        self.farthest = max(self.farthest, float(seconds / grid.interval_seconds))

    def report(self, name: str) -> None:
        """Log the counts for the frame of this name, if there are any."""
        if self.count:
            log.warning(
                "%s: %d time stamps off the grid of their series, by up to %.2g of a step, are moved to the "
                "nearest step",
                name,
                self.count,
                self.farthest,
            )
