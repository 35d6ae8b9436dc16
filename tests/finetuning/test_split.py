import numpy as np

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.finetuning.split import train_ends


def series(start, num_steps):
    return RegularSeries(np.zeros((1, num_steps)), ("y",), EvenGrid(start, 1))


def test_one_moment_divides_all_series():
    ends = train_ends([series(0, 100), series(50, 50), series(0, 20)], 0.2, horizon=5)
    assert ends[0] == ends[1] + 50
    assert ends[2] == 20
    behind = (100 - ends[0]) + (50 - ends[1])
    assert abs(behind / 170 - 0.2) < 0.02


def test_at_least_one_horizon_is_held_out():
    assert train_ends([series(0, 100)], 0.01, horizon=24) == [76]


def test_series_shorter_than_the_horizon_do_not_move_the_division():
    assert train_ends([series(0, 100), series(90, 3)], 0.01, horizon=24) == [76, 0]
