import numpy as np

from toto.data.off_grid import OffGrid
from toto.data.time_grid import EvenGrid


def test_stamps_off_the_grid_are_counted_with_the_farthest(caplog):
    found = OffGrid()
    found.add(EvenGrid(0, 10), np.array([0, 10, 20]))
    found.report("table")
    assert caplog.text == ""
    found.add(EvenGrid(0, 10), np.array([1, 10, 24]))
    hour = EvenGrid(np.datetime64("2026-01-01", "us"), np.timedelta64(1, "h"))
    found.add(hour, np.array(["2026-01-01T00:15"], "M8[us]"))
    assert (found.count, found.farthest) == (3, 0.4)
    found.report("table")
    assert "table: 3 time stamps off the grid of their series, by up to 0.4 of a step" in caplog.text
