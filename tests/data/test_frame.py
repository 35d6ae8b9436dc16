import logging

import numpy as np
import pytest

from toto import InputError
from toto.data import frame as frame_module
from toto.data.frame import forecast_frame, is_long, series_from_long, series_from_wide
from toto.data.table import Table

pd = pytest.importorskip("pandas")


def hours(count: int, start: str = "2024-01-01") -> list[str]:
    return pd.date_range(start, periods=count, freq="h").astype(str).tolist()


def wide(times, **columns) -> Table:
    return Table(pd.DataFrame({"time": times, **columns}))


def long(*rows) -> Table:
    return Table(pd.DataFrame(rows, columns=["unique_id", "ds", "y"]))


def test_the_variates_of_a_wide_frame_are_one_series():
    series = series_from_wide(wide(hours(3), cpu=["1", "", "3"], load=["4", "5", "6"]))
    np.testing.assert_array_equal(series.values, [[1, np.nan, 3], [4, 5, 6]])
    assert series.variates == ("cpu", "load")
    assert series.labels == ["cpu", "load"]
    assert series.grid.spacing == "1 h"
    assert series.future_times(2).astype(str).tolist() == ["2024-01-01 03:00:00", "2024-01-01 04:00:00"]
    assert series.times().astype(str).tolist() == hours(3)


def test_columns_choose_the_variates_and_their_order():
    series = series_from_wide(wide(hours(2), city=["Rome", "Oslo"], a=[1, 2], b=[3, 4]), columns=["b", "a"])
    assert series.variates == ("b", "a")
    np.testing.assert_array_equal(series.values, [[3, 4], [1, 2]])


def test_a_gap_on_the_grid_is_missing_values():
    series = series_from_wide(wide([*hours(2), *hours(2, "2024-01-01 04:00")], y=[1, 2, 3, 4]))
    np.testing.assert_array_equal(series.values, [[1, 2, np.nan, np.nan, 3, 4]])


def test_steps_are_numbered_where_there_is_no_time_column(caplog):
    with caplog.at_level(logging.WARNING):
        series = series_from_wide(Table(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), "data.csv"))
    assert series.future_times(2).tolist() == [3, 4]
    assert "data.csv has no time column: its steps are numbered from 1" in caplog.text


def test_a_time_column_may_hold_numbers():
    series = series_from_wide(wide(["0.5", "1.0", "2.0"], y=["1", "2", "4"]))
    np.testing.assert_array_equal(series.values, [[1, 2, np.nan, 4]])
    assert series.future_times(1).tolist() == [2.5]


def test_business_days_go_on_after_the_weekend():
    days = pd.bdate_range("2024-03-01", periods=10)
    series = series_from_wide(wide(days, y=np.arange(10.0)))
    assert series.values.shape == (1, 10)
    assert series.future_times(2).astype(str).tolist() == ["2024-03-15", "2024-03-18"]


def test_month_ends_go_on_as_month_ends():
    series = series_from_wide(wide(["2023-11-30", "2023-12-31", "2024-01-31"], y=[1, 2, 3]))
    assert series.future_times(2).astype(str).tolist() == ["2024-02-29", "2024-03-31"]


def test_hours_of_a_time_zone_go_on_through_the_change_of_the_clock():
    times = pd.date_range("2024-03-30 20:00", periods=6, freq="h", tz="Europe/Berlin")
    series = series_from_wide(wide(times, y=np.arange(6.0)))
    assert series.values.shape == (1, 6)
    expected = pd.date_range(times[-1], periods=4, freq="h")[1:]
    assert series.future_times(3).tolist() == expected.tolist()
    assert series.future_times(3)[0].hour == 3


def test_days_of_a_time_zone_are_days_on_its_clock():
    times = pd.date_range("2024-03-28", periods=6, freq="D", tz="Europe/Berlin")
    series = series_from_wide(wide(times, y=np.arange(6.0)))
    assert series.values.shape == (1, 6)
    assert [str(time) for time in series.future_times(2)] == [
        "2024-04-03 00:00:00+02:00",
        "2024-04-04 00:00:00+02:00",
    ]


def test_the_series_of_a_long_frame_have_their_own_lengths_and_grids():
    rows = [("b", time, i) for i, time in enumerate(hours(3))]
    rows[1:1] = [("a", "2024-01-01", 10), ("a", "2024-01-02", 11)]
    first, second = series_from_long(long(*rows))
    assert (first.series_id, first.grid.spacing, first.labels) == ("b", "1 h", ["b"])
    assert (second.series_id, second.grid.spacing) == ("a", "1 day")
    np.testing.assert_array_equal(first.values, [[0, 1, 2]])
    np.testing.assert_array_equal(second.values, [[10, 11]])


def test_a_long_frame_may_name_its_columns_and_have_several_targets():
    frame = pd.DataFrame({"store": [7, 7], "day": ["2024-01-01", "2024-01-02"], "n": [1, 2], "p": [3, 4]})
    assert is_long(Table(frame), "store")
    (series,) = series_from_long(Table(frame), "store", "day", ["p", "n"])
    np.testing.assert_array_equal(series.values, [[3, 4], [1, 2]])
    assert series.labels == ["7, p", "7, n"]
    result = forecast_frame(series, np.zeros((2, 1)), np.zeros((1, 2, 1)), [0.5])
    assert list(result.columns) == ["store", "day", "target", "0.5", "mean"]
    assert result["target"].tolist() == ["p", "n"]
    single = forecast_frame(series.split()[1], np.zeros((1, 1)), np.zeros((1, 1, 1)), [0.5])
    assert single["target"].tolist() == ["n"]


def test_a_frame_is_long_by_its_unique_id():
    assert is_long(long())
    assert not is_long(wide([], y=[]))


def test_split_makes_every_variate_a_series_of_its_own():
    parts = series_from_wide(wide(hours(2), a=[1, 2], b=[3, 4])).split()
    assert [part.variates for part in parts] == [("a",), ("b",)]
    np.testing.assert_array_equal(parts[1].values, [[3, 4]])


def test_the_model_takes_the_last_steps_of_all_variates_as_one_group():
    series = series_from_wide(wide(hours(4), a=["1", "", "3", "4"], b=["5", "6", "7", "8"]))
    inputs = series.masked_timeseries(context=3)
    np.testing.assert_array_equal(inputs.series, [[np.nan, 3, 4], [6, 7, 8]])
    assert inputs.padding_mask.tolist() == [[False, True, True], [True, True, True]]
    assert inputs.id_mask.unique().tolist() == [0]
    assert inputs.time_interval_seconds.tolist() == [3600.0, 3600.0]
    assert series.masked_timeseries().series.shape == (2, 4)


def test_sort_brings_rows_in_order_whatever_the_order_was():
    times, values = np.array(hours(5)), np.arange(5.0)
    order = np.array([3, 0, 4, 2, 1])
    series = series_from_wide(wide(times[order], y=values[order]), sort=True)
    np.testing.assert_array_equal(series.values, [values])
    rows = [("a", times[i], values[i]) for i in order]
    np.testing.assert_array_equal(series_from_long(long(*rows), sort=True)[0].values, [values])


def test_a_wide_forecast_is_one_row_per_variate_and_step():
    series = series_from_wide(wide(hours(3), a=[1, 2, 3], b=[4, 5, 6]))
    mean = np.array([[1.0, 2.0], [3.0, 4.0]])
    result = forecast_frame(series, mean, np.stack([mean - 1, mean + 1]), [0.1, 0.975])
    assert list(result.columns) == ["time", "variate", "0.1", "0.975", "mean"]
    assert result["variate"].tolist() == ["a", "a", "b", "b"]
    assert result["time"].astype(str).tolist() == ["2024-01-01 03:00:00", "2024-01-01 04:00:00"] * 2
    assert result["0.975"].tolist() == [2.0, 3.0, 4.0, 5.0]


def test_levels_that_are_close_have_columns_of_their_own():
    series = series_from_wide(wide(hours(2), y=[1, 2]))
    levels = [0.1 + 0.2, 0.999999, 0.9999999, 1 - 1e-8]
    result = forecast_frame(series, np.zeros((1, 1)), np.zeros((4, 1, 1)), levels)
    assert list(result.columns[2:-1]) == ["0.3", "0.999999", "0.9999999", "0.99999999"]


def test_a_long_forecast_keeps_the_names_of_its_columns():
    (series,) = series_from_long(long(("a", "2024-01-01", 1), ("a", "2024-01-02", 2)))
    result = forecast_frame(series, np.ones((1, 1)), np.ones((1, 1, 1)), [0.5])
    assert result.to_dict("list") == {
        "unique_id": ["a"],
        "ds": [pd.Timestamp("2024-01-03")],
        "mean": [1.0],
        "0.5": [1.0],
    }


def test_a_column_with_a_name_of_the_forecast_is_an_error():
    frame = wide(hours(2), y=[1, 2]).frame.rename(columns={"time": "mean"}).assign(unique_id="a")
    (series,) = series_from_long(Table(frame), time_column="mean")
    with pytest.raises(InputError, match="the column 'mean' has the name of a column of the forecast"):
        forecast_frame(series, np.zeros((1, 1)), np.zeros((1, 1, 1)), [0.5])


def raises(message: str):
    return pytest.raises(InputError, match=message)


def test_a_frame_without_rows_is_an_error():
    with raises("data frame: no rows; at least one row of values is needed"):
        series_from_wide(wide([], y=[]))
    with raises("data frame: no rows"):
        series_from_long(long())


def test_one_row_has_no_interval():
    with raises("row 0, column time: 2024-01-01 is the only row; 2 are needed to know the interval"):
        series_from_wide(wide(["2024-01-01"], y=[1]))


def test_a_frame_without_values_is_an_error():
    with raises("data frame: no column of values beside time"):
        series_from_wide(wide(hours(2)))


def test_a_column_cannot_be_used_twice():
    with raises("columns: 'y' is used twice"):
        series_from_wide(wide(hours(2), y=[1, 2]), columns=["y", "y"])
    with raises("columns: 'time' is used twice; the time and id columns hold no values"):
        series_from_wide(wide(hours(2), y=[1, 2]), columns=["time"])


def test_an_unknown_column_is_an_error_that_lists_the_others():
    with raises("data frame: no column 'x'; there are time, y"):
        series_from_wide(wide(hours(2), y=[1, 2]), columns=["x"])
    with raises("data frame: no column 'shop'; there are unique_id, ds, y"):
        series_from_long(long(("a", "2024-01-01", 1)), "shop")


def test_unsorted_stamps_are_an_error_that_names_the_first():
    times = hours(4)
    times[2], times[1] = times[1], times[2]
    with raises(r"row 2, column time: 2024-01-01 01:00:00 stands after 2024-01-01 02:00:00; .*--sort"):
        series_from_wide(wide(times, y=[1, 2, 3, 4]))


def test_repeated_stamps_are_an_error_that_names_the_first_and_counts():
    times = [*hours(3), *hours(3)]
    with raises(r"row 1, column time: 2024-01-01 00:00:00 is there a second time \(3 repeated in all\)"):
        series_from_wide(wide(np.repeat(hours(3), 2), y=np.arange(6)))
    with raises(r"row 3, column time: 2024-01-01 00:00:00 is there a second time .*--id-column"):
        series_from_wide(wide(times, y=np.arange(6)), sort=True)
    with raises("row 3, column ds: 2024-01-01 01:00:00 of series b is there a second time"):
        series_from_long(long(("a", *[hours(2)[0], 1]), ("a", hours(2)[1], 1), *[("b", hours(2)[1], 1)] * 2))


def test_an_irregular_stamp_is_an_error_that_names_it():
    times = [*hours(4), "2024-01-01 04:20:00"]
    message = "row 4, column time: 2024-01-01 04:20:00 is not on the grid: most rows are 1 h apart"
    with raises(message):
        series_from_wide(wide(times, y=np.arange(5)))


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_stamps_in_one_microsecond_are_an_error_that_names_the_finest_interval(zone):
    times = pd.date_range("2024-01-01", periods=4, freq="100ns", tz=zone)
    with raises(
        "row 1, column time: .* is in the same microsecond as the row before it; dates are read to 1 us"
    ):
        series_from_wide(wide(times, y=np.arange(4)))
    rows = [("a", str(time), 1) for time in times]
    with raises("row 1, column ds: .* of series a is in the same microsecond"):
        series_from_long(long(*rows))


def test_stamps_a_microsecond_apart_are_read():
    times = pd.date_range("2024-01-01", periods=4, freq="us")
    assert series_from_wide(wide(times, y=np.arange(4))).grid.spacing == "1 us"


def test_numbers_that_differ_by_noise_are_an_error_that_names_the_row():
    with raises("row 1, column time: 1e-09 is not on the grid: most rows are 1 apart"):
        series_from_wide(wide([0, 1e-9, 1.0], y=np.arange(3)))


def test_a_gap_longer_than_any_series_is_an_error(monkeypatch):
    monkeypatch.setattr(frame_module, "MAX_STEPS", 1000)
    times = [*hours(3), "2025-01-01 00:00:00"]
    message = "row 3, column time: 2025-01-01 00:00:00 comes 8782 steps of 1 h after the row before it"
    with raises(message):
        series_from_wide(wide(times, y=np.arange(4)))


def test_a_long_frame_without_y_is_an_error_that_says_how_to_name_it():
    frame = pd.DataFrame({"unique_id": ["a"], "ds": ["2024-01-01"], "value": [1]})
    with raises("needs a target column y: name another one with columns .* there are unique_id, ds, value"):
        series_from_long(Table(frame))


def test_a_long_frame_without_time_is_an_error_that_says_how_to_name_it():
    frame = pd.DataFrame({"unique_id": ["a"], "n": [1], "y": [1]})
    with raises("needs a time column: name it with time_column .* there are unique_id, n, y"):
        series_from_long(Table(frame))


def test_a_row_without_an_id_is_an_error():
    with raises("row 1, column unique_id: no series id"):
        series_from_long(long(("a", "2024-01-01", 1), ("", "2024-01-02", 1)))


@pytest.mark.parametrize(
    ("path", "shape", "spacing", "missing"),
    [
        ("lsf/ETTm1.csv.gz", (7, 69_680), "15 min", 0),
        ("missing/air_quality_valencia.csv.gz", (10, 43_824), "1 h", 13_262),
        ("darts_small/monthly-milk-incomplete.csv.gz", (1, 168), "1 month", 13),
        ("bizitobs/IAAI24_L2C.csv.gz", (9, 31_968), "5 min", 0),
    ],
)
def test_real_files_are_read(shared_data, path, shape, spacing, missing):
    from toto.data.csv import read_table

    series = series_from_wide(read_table(shared_data / "data" / path))
    assert series.values.shape == shape
    assert series.grid.spacing == spacing
    assert int(np.isnan(series.values).sum()) == missing
