import numpy as np

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid

START = np.datetime64("2024-03-30 22:00", "us")  # of UTC; the clock of Berlin leaps at 01:00 on the 31st
HOURS = EvenGrid(START, np.timedelta64(1, "h"))


def test_times_are_those_of_a_clock_and_of_utc():
    series = RegularSeries(np.zeros((1, 3)), ("y",), HOURS, "Europe/Berlin")
    assert [str(time)[11:16] for time in series.times()] == ["23:00", "00:00", "01:00"]
    assert [str(time)[11:16] for time in series.future_times(2)] == ["03:00", "04:00"]
    np.testing.assert_array_equal(series.times_utc(), HOURS.at(np.arange(3)))
    shown = RegularSeries(np.zeros((1, 3)), ("y",), HOURS, "Europe/Berlin", grid_shows_zone=True)
    np.testing.assert_array_equal(shown.times(), HOURS.at(np.arange(3)))
    np.testing.assert_array_equal(shown.times_utc(), HOURS.at(np.arange(-1, 2)))


def test_labels_tell_variates_apart():
    values = np.zeros((2, 3))
    assert RegularSeries(values, ("a", "b"), HOURS).labels == ["a", "b"]
    assert RegularSeries(values, ("y", "y"), HOURS, ids=(7, 8), id_column="id").labels == ["7", "8"]
    both = RegularSeries(values, ("p", "q"), HOURS, ids=(7, 7), id_column="id", several_targets=True)
    assert both.labels == ["7, p", "7, q"]
    assert both.series_id == 7
    assert RegularSeries(values, ("a", "b"), HOURS).series_id is None


def test_split_makes_every_variate_a_series_of_its_own_with_all_covariates():
    past = np.ones((1, 3))
    series = RegularSeries(np.arange(6.0).reshape(2, 3), ("p", "q"), HOURS, ids=(7, 8), past=past)
    first, second = series.split()
    assert (first.ids, second.ids) == ((7,), (8,))
    np.testing.assert_array_equal(second.values, [[3, 4, 5]])
    assert second.past is past
