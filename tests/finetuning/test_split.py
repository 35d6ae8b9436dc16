import numpy as np

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.finetuning.split import ends_before_test, train_ends


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


def test_however_small_the_share_something_is_held_out():
    assert train_ends([series(0, 100)], 1e-18, horizon=1) == [99]


def test_series_shorter_than_the_horizon_do_not_move_the_division():
    assert train_ends([series(0, 100), series(90, 3)], 0.01, horizon=24) == [76, 0]


def test_the_test_part_begins_at_one_moment_too_or_nowhere():
    all_series = [series(0, 100), series(50, 50), series(95, 5)]
    assert ends_before_test(all_series, 0, horizon=5) == [100, 50, 5]
    assert ends_before_test(all_series, 0.3, horizon=5) == [79, 29, 0]


def test_where_nothing_is_left_to_train_on_all_ends_are_0():
    assert train_ends([series(0, 0), series(0, 0)], 0.2, horizon=5) == [0, 0]
