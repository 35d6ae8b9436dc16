import logging

import numpy as np
import pytest

from toto import InputError
from toto.data import gridding
from toto.data.frame import is_long, series_from_long, series_from_table, series_from_wide
from toto.data.layout import Layout
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
    np.testing.assert_array_equal(series.future_times(2), np.array(hours(2, "2024-01-01 03:00"), "M8[us]"))
    np.testing.assert_array_equal(series.times(), np.array(hours(3), "M8[us]"))


def test_columns_choose_the_variates_and_their_order():
    series = series_from_wide(
        wide(hours(2), city=["Rome", "Oslo"], a=[1, 2], b=[3, 4]), Layout(columns=["b", "a"])
    )
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
    np.testing.assert_array_equal(series.future_times(2), np.array(["2024-03-15", "2024-03-18"], "M8[us]"))


def test_month_ends_go_on_as_month_ends():
    series = series_from_wide(wide(["2023-11-30", "2023-12-31", "2024-01-31"], y=[1, 2, 3]))
    np.testing.assert_array_equal(series.future_times(2), np.array(["2024-02-29", "2024-03-31"], "M8[us]"))


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
    (series,) = series_from_long(Table(frame), Layout("day", ["p", "n"], "store"))
    np.testing.assert_array_equal(series.values, [[3, 4], [1, 2]])
    assert series.labels == ["7, p", "7, n"]


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


def raises(message: str):
    return pytest.raises(InputError, match=message)


def test_a_frame_without_rows_is_an_error():
    with raises("data frame: no rows; at least one row of values is needed"):
        series_from_wide(wide([], y=[]))
    with raises("data frame: no rows"):
        series_from_long(long())


def test_one_row_has_no_interval():
    with raises("row 0, column time: 2024-01-01 is the only time stamp; 2 are needed to know the interval"):
        series_from_wide(wide(["2024-01-01"], y=[1]))


def test_a_frame_without_values_is_an_error():
    with raises("data frame: no column of values beside time"):
        series_from_wide(wide(hours(2)))


def test_a_column_cannot_be_used_twice():
    with raises("columns: 'y' is used twice"):
        series_from_wide(wide(hours(2), y=[1, 2]), Layout(columns=["y", "y"]))
    with raises("columns: 'time' is used twice; the time and id columns hold no values"):
        series_from_wide(wide(hours(2), y=[1, 2]), Layout(columns=["time"]))


def test_an_unknown_column_is_an_error_that_lists_the_others():
    with raises("data frame: no column 'x'; there are time, y"):
        series_from_wide(wide(hours(2), y=[1, 2]), Layout(columns=["x"]))
    with raises("data frame: no column 'shop'; there are unique_id, ds, y"):
        series_from_long(long(("a", "2024-01-01", 1)), Layout(id_column="shop"))


def test_repeated_stamps_are_an_error_that_names_the_first_and_counts():
    times = [*hours(3), *hours(3)]
    with raises(r"row 1, column time: 2024-01-01 00:00:00 is there a second time \(3 such rows in all\)"):
        series_from_wide(wide(np.repeat(hours(3), 2), y=np.arange(6)))
    with raises(r"row 3, column time: 2024-01-01 00:00:00 is there a second time .*--id-column"):
        series_from_wide(wide(times, y=np.arange(6)))
    with raises("row 4, column ds: 2024-01-01 01:00:00 of series b is there a second time"):
        series_from_long(
            long(
                ("a", *[hours(2)[0], 1]),
                ("a", hours(2)[1], 1),
                ("b", hours(2)[0], 1),
                *[("b", hours(2)[1], 1)] * 2,
            )
        )


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_stamps_in_one_microsecond_are_an_error_that_names_both(zone):
    times = pd.date_range("2024-01-01", periods=4, freq="400ns", tz=zone)
    with raises(
        "row 1, column time: .* is the same moment as 2024-01-01 00:00:00.*, for dates are read to 1 us"
    ):
        series_from_wide(wide(times, y=np.arange(4)))
    rows = [("a", str(time), 1) for time in times]
    with raises("row 1, column ds: .* of series a is the same moment as"):
        series_from_long(long(*rows))


def test_stamps_a_microsecond_apart_are_read():
    times = pd.date_range("2024-01-01", periods=4, freq="us")
    assert series_from_wide(wide(times, y=np.arange(4))).grid.spacing == "1 us"


def test_a_gap_longer_than_any_series_is_an_error(monkeypatch):
    monkeypatch.setattr(gridding, "MAX_STEPS", 1000)
    times = [*hours(3), "2025-01-01 00:00:00"]
    message = "row 3, column time: 2025-01-01 00:00:00 comes 8782 steps of 1 h after the row before it"
    with raises(message):
        series_from_wide(wide(times, y=np.arange(4)))


def test_the_only_column_that_is_nothing_else_is_the_target_of_a_long_frame():
    frame = pd.DataFrame({"unique_id": ["a"] * 3, "ds": hours(3), "value": [1, 2, 3], "rack": "r", "x": 1})
    layout = Layout(group="rack", past_covariates=["x"])
    (series,) = series_from_long(Table(frame), layout)
    assert series.variates == ("value",)
    with raises("no column of values beside unique_id, ds"):
        series_from_long(Table(frame[["unique_id", "ds"]]))


def test_an_index_that_was_written_to_a_file_is_not_forecast():
    wide_file = pd.DataFrame({"Unnamed: 0": range(3), "when": hours(3), "cpu": [1, 2, 3]})
    assert series_from_wide(Table(wide_file)).variates == ("cpu",)
    assert series_from_wide(Table(wide_file), Layout(columns=["Unnamed: 0"])).variates == ("Unnamed: 0",)
    (series,) = series_from_long(Table(wide_file.assign(unique_id="a")))
    assert series.variates == ("cpu",)


def test_a_long_frame_without_y_is_an_error_that_says_how_to_name_it():
    frame = pd.DataFrame({"unique_id": ["a"], "ds": ["2024-01-01"], "cpu": [1], "load": [1]})
    with raises(
        "needs a target column y: name another one with columns .* there are unique_id, ds, cpu, load"
    ):
        series_from_long(Table(frame))


def test_a_long_frame_without_time_is_an_error_that_says_how_to_name_it():
    frame = pd.DataFrame({"unique_id": ["a"], "n": [1], "y": [1]})
    with raises("needs a time column: name it with time_column .* there are unique_id, n, y"):
        series_from_long(Table(frame))


def test_a_row_without_an_id_is_an_error():
    with raises("row 1, column unique_id: no series id"):
        series_from_long(long(("a", "2024-01-01", 1), ("", "2024-01-02", 1)))


def test_a_series_of_one_stamp_has_the_steps_of_most_others(caplog):
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    rows = [("a", "2024-02-05", 7)]
    rows += [
        (name, time, i)
        for name, times in (("b", days), ("c", hours(3)), ("d", days))
        for i, time in enumerate(times)
    ]
    series = series_from_long(long(*rows, ("e", "2024-02-06", 8)))
    assert [one.series_id for one in series] == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(series[0].values, [[7]])
    np.testing.assert_array_equal(series[0].future_times(2), np.array(["2024-02-06", "2024-02-07"], "M8[us]"))
    assert "2 series with a single time stamp have the steps of most others, 1 day" in caplog.text


def test_months_of_a_single_stamp_are_those_of_its_time_zone():
    months = pd.date_range("2024-01-31", periods=3, freq="ME", tz="Europe/Berlin")
    frame = pd.DataFrame({"unique_id": ["a"] * 3 + ["b"], "ds": [*months, months[2]], "y": 1.0})
    alone = series_from_long(Table(frame))[1]
    np.testing.assert_array_equal(alone.future_times(2), np.array(["2024-04-30", "2024-05-31"], "M8[us]"))


def test_without_two_stamps_in_any_series_no_interval_is_known():
    rows = [("a", "2024-01-01", 1), ("b", "2024-01-01", 1)]
    with raises("row 0, .* is the only time stamp of series a, and no other series has two; 2 are needed"):
        series_from_long(long(*rows))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("start", ["2026-03-01", "2026-10-01"])
def test_hours_with_a_zone_have_no_gap_where_the_clock_changes(zone, start):
    times = pd.date_range(start, periods=24 * 45, freq="h", tz=zone)
    series = series_from_wide(wide(times, y=np.arange(24.0 * 45)))
    np.testing.assert_array_equal(series.values, [np.arange(24.0 * 45)])
    assert series.time_zone == zone
    np.testing.assert_array_equal(series.times(), times.tz_localize(None).to_numpy().astype("M8[us]"))


def test_local_hours_without_a_zone_miss_one_in_spring_and_have_one_twice_in_autumn():
    spring = pd.date_range("2026-03-28", periods=48, freq="h", tz="Europe/Berlin").tz_localize(None)
    series = series_from_wide(wide(spring, y=np.arange(48.0)))
    assert np.flatnonzero(np.isnan(series.values[0])).tolist() == [26]  # 2:00 on the 29th
    autumn = pd.date_range("2026-10-24", periods=48, freq="h", tz="Europe/Berlin").tz_localize(None)
    with raises("row 27, column time: 2026-10-25 02:00:00 is there a second time; .* aggregate='mean'"):
        series_from_wide(wide(autumn, y=np.arange(48.0)))
    joined = series_from_wide(wide(autumn, y=np.arange(48.0)), Layout(aggregate="mean"))
    assert joined.values[0, 25:28].tolist() == [25.0, 26.5, 28.0]


def test_rows_may_come_in_any_order(caplog):
    times, values = np.array(hours(5)), np.arange(5.0)
    order = np.array([3, 0, 4, 2, 1])
    series = series_from_wide(wide(times[order], y=values[order]))
    np.testing.assert_array_equal(series.values, [values])
    rows = [("a", times[i], values[i]) for i in order]
    np.testing.assert_array_equal(series_from_long(long(*rows))[0].values, [values])
    assert caplog.text.count("data frame: the rows of 1 series are sorted by time") == 2


def test_several_rows_of_a_step_may_be_made_one():
    table = wide([*hours(2), *hours(2)], y=[1, 2, 3, 5])
    for how, expected in (("mean", [2, 3.5]), ("sum", [4, 7]), ("last", [3, 5]), ("max", [3, 5])):
        series = series_from_wide(table, Layout(aggregate=how))
        np.testing.assert_array_equal(series.values, [expected])
    with raises("aggregate must be one of mean, sum, min, max, first, last, got 'median'"):
        series_from_wide(table, Layout(aggregate="median"))


def test_time_stamps_that_jitter_go_to_the_nearest_step_and_are_counted_once(caplog):
    rng = np.random.default_rng(0)
    kept = np.delete(np.arange(100), [7, 8, 50])
    rows = [
        (name, np.datetime64("2024-01-01", "ms") + int(60_000 * i + rng.integers(-2000, 2000)), i)
        for name in "ab"
        for i in kept.tolist()
    ]
    for series in series_from_long(long(*rows)):
        assert series.grid.spacing == "1 min"
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(series.values[0])), [7, 8, 50])
        np.testing.assert_array_equal(series.values[0][kept], kept)
    assert caplog.text.count("time stamps off the grid of their series, by up to 0.033 of a step") == 1


def test_stamps_that_jitter_onto_one_step_are_an_error_that_names_both():
    times = [*hours(4), "2024-01-01 03:20:00"]
    with raises(
        "row 4, column time: 2024-01-01 03:20:00 falls on the same step of 1 h as 2024-01-01 03:00:00"
    ):
        series_from_wide(wide(times, y=np.arange(5)))


def test_a_group_is_one_series_up_to_its_latest_end():
    frame = long(
        *[("a", time, i) for i, time in enumerate(hours(4))],
        *[("b", time, 10 + i) for i, time in enumerate(hours(3, "2024-01-01 02:00"))],
        *[("c", time, 20 + i) for i, time in enumerate(hours(2))],
    ).frame.assign(host=["x"] * 7 + ["y"] * 2)
    first, second = series_from_long(Table(frame), Layout(group="host"))
    nan = np.nan
    np.testing.assert_array_equal(first.values, [[0, 1, 2, 3, nan], [nan, nan, 10, 11, 12]])
    assert first.ids == ("a", "b")
    assert first.labels == ["a", "b"]
    assert second.ids == ("c",)
    (everything,) = series_from_long(Table(frame), Layout(together=True))
    assert everything.values.shape == (3, 5)


def test_a_group_has_the_finest_grid_of_its_series():
    rows = [
        ("slow", time, i) for i, time in enumerate(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])
    ]
    rows += [("fast", time, i) for i, time in enumerate(hours(30))]
    (series,) = series_from_long(long(*rows), Layout(together=True))
    assert series.grid.spacing == "1 h"
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(series.values[0])), [0, 24, 48, 72])


def test_a_series_of_one_row_may_be_in_a_group():
    rows = [("a", time, i) for i, time in enumerate(hours(3))] + [("b", "2024-01-01 02:00", 7)]
    (series,) = series_from_long(long(*rows), Layout(together=True))
    np.testing.assert_array_equal(series.values, [[0, 1, 2], [np.nan, np.nan, 7]])


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_series_without_a_group_is_an_error(nothing):
    frame = pd.DataFrame({"unique_id": list("aab"), "ds": [1, 2, 1], "y": 1.0, "host": ["x", "x", nothing]})
    with raises("data frame, row 2, column host: no group; give every series one"):
        series_from_long(Table(frame), Layout(group="host"))


def test_a_series_belongs_to_one_group():
    frame = long(("a", "2024-01-01", 1), ("a", "2024-01-02", 1)).frame.assign(host=["x", "y"])
    with raises("group: series a is in several groups of column host: x, y; a series belongs to one"):
        series_from_long(Table(frame), Layout(group="host"))
    with raises("group needs a long frame"):
        series_from_wide(wide(hours(2), y=[1, 2]), Layout(group="y"))


def test_past_covariates_are_apart_from_the_variates():
    series = series_from_wide(wide(hours(2), y=[1, 2], x=[3, ""]), Layout(past_covariates=["x"]))
    assert series.variates == ("y",)
    np.testing.assert_array_equal(series.past, [[3, np.nan]])
    with raises("columns: 'y' is used twice; .* a covariate is no target"):
        series_from_wide(wide(hours(2), y=[1, 2]), Layout(columns=["y"], past_covariates=["y"]))


def test_a_table_is_read_as_what_it_is():
    assert len(series_from_table(long(("a", 1, 1), ("b", 1, 1)))) == 2
    assert len(series_from_table(wide(hours(2), a=[1, 2], b=[1, 2]))) == 1


def test_a_column_and_a_frame_with_time_in_its_index_are_wide_frames():
    times = pd.date_range("2024-01-01", periods=3, freq="MS")
    series = series_from_wide(Table(pd.Series([1.0, 2.0, 3.0], index=times, name="sales")))
    assert series.variates == ("sales",)
    assert series.grid.spacing == "1 month"
    periods = pd.DataFrame({"y": [1.0, 2.0, 3.0]}, index=times.to_period("M"))
    assert series_from_wide(Table(periods)).grid.spacing == "1 month"
    rows = pd.DataFrame({"unique_id": ["a", "a"], "ds": times[:2], "y": [1, 2]}).set_index(
        ["unique_id", "ds"]
    )
    assert series_from_long(Table(rows))[0].labels == ["a"]


@pytest.mark.parametrize(
    ("path", "shape", "spacing", "missing"),
    [
        ("lsf/ETTm1.csv.gz", (7, 69_680), "15 min", 0),
        ("missing/air_quality_valencia.csv.gz", (10, 43_824), "1 h", 13_262),
        ("darts_small/monthly-milk-incomplete.csv.gz", (1, 168), "1 month", 13),
        ("bizitobs/IAAI24_L2C.csv.gz", (9, 31_968), "5 min", 0),
    ],
)
def test_real_files_are_read(as_users_call, shared_data, path, shape, spacing, missing):
    from toto.data.csv import read_table

    series = series_from_wide(read_table(shared_data / "data" / path))
    assert series.values.shape == shape
    assert series.grid.spacing == spacing
    assert int(np.isnan(series.values).sum()) == missing
