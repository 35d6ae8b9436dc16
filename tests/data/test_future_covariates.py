import numpy as np
import pytest

from toto import InputError
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.table import Table

pd = pytest.importorskip("pandas")

TIMES = pd.date_range("2024-01-01", periods=10, freq="h")


def history(**columns):
    return pd.DataFrame({"ds": TIMES[:4], "y": [1.0, 2, 3, 4], "x": [5.0, 6, 7, 8]} | columns)


def known(first=4, last=8, **columns):
    return pd.DataFrame({"ds": TIMES[first:last], "x": np.arange(first, last) * 10.0} | columns)


def long(frame, *ids):
    return pd.concat([frame.assign(unique_id=name) for name in ids])


def read(data, future, horizon=3, **layout):
    return series_from_table(Table(data), Layout(**layout), Table(future, "future"), horizon)


def raises(message):
    return pytest.raises(InputError, match=message)


def test_known_values_follow_the_history():
    (series,) = read(history(), known())
    assert series.variates == ("y",)
    np.testing.assert_array_equal(series.known, [[5, 6, 7, 8, 40, 50, 60, 70]])
    (long_series,) = read(long(history(), "a"), long(known(), "a"))
    np.testing.assert_array_equal(long_series.known, series.known)


def test_rows_may_be_in_any_order_and_reach_into_the_history():
    (series,) = read(history(), known(2, 8)[::-1])
    np.testing.assert_array_equal(series.known[0, 4:], [40, 50, 60, 70])


def test_values_beyond_the_horizon_are_kept_up_to_the_first_gap():
    (series,) = read(history(), known(4, 10).drop(index=4))
    np.testing.assert_array_equal(series.known[0, 4:], [40, 50, 60, 70])


def test_every_series_of_a_group_has_its_own_covariates():
    data, future = long(history(), "a", "b"), long(known(), "a", "b")
    future.loc[future["unique_id"] == "b", "x"] += 1
    (series,) = read(data, future, together=True)
    np.testing.assert_array_equal(series.known[:, 4:], [[40, 50, 60, 70], [41, 51, 61, 71]])


def test_a_step_that_is_not_covered_is_an_error_that_names_it():
    with raises("future: the covariates must be known at every one of the 3 steps .* 2024-01-01T06:00:00"):
        read(history(), known(4, 6))
    with raises("no value for 2024-01-01T05:00:00"):
        read(history(), known().drop(index=1))
    with raises("no value for 2024-01-01T06:00:00"):
        read(history(), known(x=[1.0, 2.0, np.nan, 4.0]))
    with raises("the covariates of series b must be known at every one"):
        read(long(history(), "a", "b"), pd.concat([long(known(), "a"), long(known(4, 5), "b")]))
    with raises("future, column unique_id: no rows of series 'b', .* there are those of 'a'$"):
        read(long(history(), "a", "b"), long(known(), "a"))


def test_stamps_between_the_steps_go_to_the_nearest_one_and_are_logged(caplog):
    read(history(), known())
    assert caplog.text == ""
    future = known()
    future["ds"] += pd.Timedelta(minutes=24)
    (series,) = read(history(), future)
    np.testing.assert_array_equal(series.known[0, 4:], [40, 50, 60, 70])
    assert "future: 4 time stamps off the grid of their series, by up to 0.4 of a step" in caplog.text


def test_months_of_six_digits_go_on_in_months_of_one_year():
    data, future = history(ds=[202310, 202311, 202312, 202401]), known(ds=[202402, 202403, 202404, 202405])
    (series,) = read(data, future)
    assert series.grid.spacing == "1 month"
    np.testing.assert_array_equal(series.known[0, 4:], [40, 50, 60, 70])


def test_a_target_that_future_has_too_is_an_error_that_says_so():
    with raises("no column of values beside ds, y; y is a covariate, as future has it"):
        read(history().drop(columns="x"), known().rename(columns={"x": "y"}))
    with raises("columns: 'y' is a target, and a covariate, as future has it: leave it out there"):
        read(long(history(), "a"), long(known(y=1.0), "a"))


def test_a_step_that_is_there_twice_is_an_error():
    with raises("future, row 4, column ds: 2024-01-01 05:00:00 is there a second time"):
        read(history(), pd.concat([known(), known(5, 6)]))
    with raises("2024-01-01 05:00:00 of series a is there a second time"):
        read(long(history(), "a"), long(pd.concat([known(), known(5, 6)]), "a"))
    late = known().assign(ds=known()["ds"] + pd.Timedelta("30min"))
    with raises("row 2, column ds: 2024-01-01 06:30:00 falls on the step of 2024-01-01 05:30:00; keep"):
        read(history(), late)


def test_columns_that_do_not_fit_are_errors():
    with raises("future: the covariate 'z' is no column of data frame"):
        read(history(), known(z=1.0))
    with raises("future: no covariates beside ds"):
        read(history(), known()[["ds"]])
    with raises("future: no column 'unique_id'"):
        read(long(history(), "a"), known())
    with raises("future: no column 'ds'; there are x"):
        read(history(), known()[["x"]])
    with raises("future needs a time column in both frames"):
        read(history()[["y", "x"]], known())


def test_time_zones_must_agree():
    zoned = known().assign(ds=TIMES[4:8].tz_localize("Europe/Berlin"))
    with raises("future, column ds: must hold time stamps like .* with no time zone, not Europe/Berlin"):
        read(history(), zoned)
    with raises("future, column ds: must hold dates like the time stamps of the history, not numbers"):
        read(history(), known(ds=[1, 2, 3, 4]))
