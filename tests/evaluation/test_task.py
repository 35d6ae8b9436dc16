"""Windows of a task, and what is known before them."""

import re

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.task import Task, Window, last_windows


def steps(num_steps: int, num_variates: int = 1) -> np.ndarray:
    return np.arange(float(num_variates * num_steps)).reshape(num_variates, num_steps)


def test_windows_lie_at_the_end_and_do_not_overlap():
    series = steps(100, 2)
    windows = list(last_windows("t", [series], horizon=10, seasonality=4, num_windows=3))
    assert [window.history.shape[1] for window in windows] == [70, 80, 90]
    np.testing.assert_array_equal(np.concatenate([w.actual for w in windows], axis=1), series[:, 70:])
    for window in windows:
        np.testing.assert_array_equal(window.history, series[:, : window.history.shape[1]])


@pytest.mark.parametrize(
    ("lengths", "horizon", "expected"),
    [
        ((69680,), 48, 20),  # published numbers of windows
        ((69680,), 480, 15),
        ((69680,), 720, 10),
        ((17420,), 720, 3),
        ((31968,), 480, 7),
        ((2664,), 48, 6),
        ((2664,), 720, 1),
        ((100, 40), 10, 1),  # the shortest series decides
    ],
)
def test_windows_are_counted_as_gift_eval_counts_them(lengths, horizon, expected):
    task = last_windows("t", [steps(length) for length in lengths], horizon, 1)
    assert task.num_windows == expected * len(lengths)


def test_series_of_different_lengths_and_widths_are_counted():
    task = last_windows("t", [steps(50, 3), steps(20, 1)], 4, 2, num_windows=2)
    assert (task.num_windows, task.num_variates, task.num_forecasts) == (4, 4, 8)
    assert [window.series_index for window in task] == [0, 0, 1, 1]


def test_the_seasonal_error_is_the_mean_absolute_seasonal_difference_of_the_history():
    history = np.array([[1.0, 2.0, 5.0, 2.0, np.nan, 8.0], [3.0, 3.0, 3.0, 3.0, 3.0, 3.0]])
    window = Window(0, history, np.zeros((2, 1)), seasonality=2)
    np.testing.assert_allclose(window.seasonal_error, [(4 + 0 + 6) / 3, 0])


def test_a_history_within_a_season_is_compared_at_lag_1():
    window = Window(0, np.array([[1.0, 2.0, 4.0]]), np.zeros((1, 1)), seasonality=3)
    np.testing.assert_allclose(window.seasonal_error, [1.5])


def test_a_history_of_missing_values_has_no_seasonal_error():
    window = Window(0, np.full((1, 5), np.nan), np.zeros((1, 1)), seasonality=1)
    assert np.isnan(window.seasonal_error).all()


def test_a_horizon_longer_than_the_data_is_an_error():
    message = "t: series 1 has 40 steps; its 1 window(s) of horizon 48 need at least 49"
    with pytest.raises(InputError, match=re.escape(message)):
        last_windows("t", [steps(100), steps(40)], 48, 1)


def test_windows_beyond_the_end_are_an_error():
    with pytest.raises(InputError, match=r"series 0 has 10 steps; .* need at least 12"):
        Task("t", [steps(10)], [range(5, 9)], 4, 1, "beyond")


def test_a_window_needs_a_history():
    with pytest.raises(InputError, match=r"series 0 has 48 steps; .* need at least 49"):
        last_windows("t", [steps(48)], 48, 1)


def test_no_series_and_no_windows_are_errors():
    with pytest.raises(InputError, match="t: there are no series"):
        last_windows("t", [], 4, 1)
    with pytest.raises(InputError, match="t: there is no window to forecast"):
        Task("t", [steps(10)], [range(0)], 4, 1, "none")


def test_every_variate_can_be_a_series_of_its_own():
    task = Task("t", [steps(20, 2), steps(9)], [range(10, 14, 3), range(4, 5)], 3, 1, "some")
    alone = task.by_variate()
    assert [values.shape for values in alone.series] == [(1, 20), (1, 20), (1, 9)]
    assert alone.origins == [range(10, 14, 3), range(10, 14, 3), range(4, 5)]
    assert (alone.num_forecasts, alone.num_variates) == (task.num_forecasts, task.num_variates)


@pytest.mark.parametrize("series", [[np.arange(9.0)], [[1.0, 2.0, 3.0]], np.ones((2, 9))])
def test_series_must_be_arrays_of_two_axes(as_users_call, series):
    with pytest.raises(InputError, match=r"t: series must be a list of arrays \[variates, time\], got \("):
        last_windows("t", series, 2, 1)


def test_counts_must_be_whole_numbers(as_users_call):
    with pytest.raises(InputError, match=r"t: horizon must be a whole number of at least 1, got 2\.0"):
        last_windows("t", [steps(20)], 2.0, 1)


@pytest.mark.parametrize("counts", [{"horizon": 0}, {"seasonality": 0}, {"num_windows": 0}])
def test_counts_below_one_are_errors(counts):
    (name,) = counts
    with pytest.raises(InputError, match=f"t: {name} must be a whole number of at least 1, got 0"):
        last_windows("t", [steps(20)], **{"horizon": 2, "seasonality": 1, "num_windows": 1} | counts)
