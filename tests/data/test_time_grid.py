import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toto.data.time_grid import BusinessDayGrid, EvenGrid, MonthGrid, fit_grid, most_common_interval

pd = pytest.importorskip("pandas")


def dates(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="M8[us]")


def pandas_dates(start: str, count: int, offset) -> np.ndarray:
    return pd.date_range(start, periods=count, freq=offset).to_numpy().astype("M8[us]")


CALENDARS = {
    "5 s": ("2026-01-31 23:59:30", pd.Timedelta(seconds=5)),
    "15 min": ("2026-01-31 23:00", pd.Timedelta(minutes=15)),
    "1 h": ("2026-01-31 23:17", pd.Timedelta(hours=1)),
    "36 h": ("2026-01-31", pd.Timedelta(hours=36)),
    "1 day": ("2024-02-27 06:00", pd.offsets.Day()),
    "7 days": ("2024-02-27", pd.offsets.Day(7)),
    "1 business day": ("2024-02-29 17:30", pd.offsets.BDay()),
    "1 month": ("2023-11-01", pd.offsets.MonthBegin()),
    "1 month, last day": ("2023-11-30", pd.offsets.MonthEnd()),
    "1 month, first business day": ("2023-11-01", pd.offsets.BMonthBegin()),
    "1 month, last business day": ("2023-11-30", pd.offsets.BMonthEnd()),
    "2 months": ("2023-11-15 12:00", pd.DateOffset(months=2)),
    "3 months": ("2023-11-01", pd.offsets.MonthBegin(3)),
    "3 months, last day": ("2023-11-30", pd.offsets.MonthEnd(3)),
    "1 year": ("2000-01-01", pd.offsets.YearBegin()),
    "1 year, last day": ("2000-12-31", pd.offsets.YearEnd()),
}


@pytest.mark.parametrize(("name", "start", "offset"), [(name, *args) for name, args in CALENDARS.items()])
def test_a_grid_goes_on_as_pandas_does_with_and_without_gaps(name, start, offset):
    stamps = pandas_dates(start, 40, offset)
    gaps = np.delete(np.arange(20), [3, 4, 11])
    for kept in (np.arange(20), gaps):
        grid = fit_grid(stamps[kept])
        assert grid.spacing == name.split(",")[0]
        np.testing.assert_array_equal(grid.nearest(stamps[kept]), kept)
        assert grid.holds(stamps[kept]).all()
        np.testing.assert_array_equal(grid.at(np.arange(40)), stamps)


def test_a_month_too_short_for_the_day_has_its_last_day():
    grid = fit_grid(dates("2023-12-30", "2024-01-30", "2024-02-29"))
    np.testing.assert_array_equal(grid.at(np.arange(3, 5)), dates("2024-03-30", "2024-04-30"))


def test_two_month_starts_are_a_month_apart_not_31_days():
    assert fit_grid(dates("2024-07-01", "2024-08-01")).at(np.arange(2, 3)) == dates("2024-09-01")


def test_a_working_week_alone_is_daily():
    grid = fit_grid(pandas_dates("2024-03-04", 5, "D"))
    assert grid.spacing == "1 day"


def test_days_without_any_weekend_are_business_days_in_spite_of_holidays():
    stamps = np.delete(pandas_dates("2024-03-04", 30, "B"), [7, 20])
    assert fit_grid(stamps) == BusinessDayGrid(stamps[0])


def test_one_weekend_row_makes_days_of_business_days():
    stamps = np.sort(np.append(pandas_dates("2024-03-04", 12, "B"), dates("2024-03-09")))
    assert fit_grid(stamps).spacing == "1 day"


def test_numbers_keep_their_type_and_their_step():
    whole = fit_grid(np.array([10, 12, 16, 18]))
    assert whole == EvenGrid(10, 2)
    assert whole.at(np.arange(5, 7)).tolist() == [20, 22]
    tenths = fit_grid(np.arange(50) * 0.1)
    assert tenths.at(np.array([3, 50])).tolist() == [0.3, 5.0]
    assert tenths.spacing == "0.1"
    assert (whole.counts_time, tenths.counts_time) == (False, False)


@pytest.mark.parametrize("stamps", [[0, 1e-9, 1.0], [0, 1e-9, 1.0, 2.0], [0, 1.0, 1.0 + 1e-9, 2.0]])
def test_stamps_that_differ_by_noise_make_no_interval_of_zero(stamps):
    grid = fit_grid(np.array(stamps))
    assert grid == EvenGrid(0.0, 1.0)
    assert (np.diff(grid.nearest(np.array(stamps))) == 0).sum() == 1


def test_the_smallest_interval_stands_in_where_none_is_left():
    clock_set_back = dates("2024-10-27 02:30", "2024-10-27 02:30")
    assert most_common_interval(clock_set_back) == np.timedelta64(0, "us")


def test_one_number_starts_a_grid_of_ones():
    assert fit_grid(np.array([7])) == EvenGrid(7, 1)


def test_a_stamp_off_the_grid_goes_to_the_nearest_step():
    stamps = dates("2024-03-04 00:00", "2024-03-04 00:05", "2024-03-04 00:10", "2024-03-04 00:12")
    grid = fit_grid(stamps)
    assert grid.nearest(stamps).tolist() == [0, 1, 2, 2]
    assert grid.holds(stamps).tolist() == [True, True, True, False]


def test_a_stamp_within_a_thousandth_of_a_step_is_on_the_grid():
    stamps = dates("2024-03-04 00:00", "2024-03-04 00:05", "2024-03-04 00:05:00.1", "2024-03-04 00:10")
    grid = EvenGrid(stamps[0], np.timedelta64(300, "s"))
    assert grid.nearest(stamps).tolist() == [0, 1, 1, 2]
    assert grid.holds(stamps).all()


@pytest.mark.parametrize(
    ("grid", "seconds"),
    [
        (EvenGrid(np.datetime64("2024-01-01", "us"), np.timedelta64(90, "s")), 90.0),
        (EvenGrid(0, 3), 3.0),
        (BusinessDayGrid(np.datetime64("2024-01-01", "us")), 86_400.0),
        (MonthGrid(np.datetime64("2024-01-01", "us"), 12, 1), 365.2425 * 86_400),
    ],
)
def test_the_interval_in_seconds_is_the_step_or_the_mean_month(grid, seconds):
    assert grid.interval_seconds == pytest.approx(seconds)


starts = st.datetimes(min_value=pd.Timestamp("1950-01-01"), max_value=pd.Timestamp("2080-01-01")).map(
    lambda moment: np.datetime64(moment.replace(microsecond=0), "us")
)
weekdays = starts.filter(lambda start: bool(np.is_busday(start.astype("M8[D]"))))
grids = st.one_of(
    st.builds(EvenGrid, starts, st.integers(1, 10**7).map(lambda seconds: np.timedelta64(seconds, "s"))),
    st.builds(EvenGrid, st.integers(-(10**6), 10**6), st.integers(1, 1000)),
    st.builds(BusinessDayGrid, weekdays),
    st.builds(
        MonthGrid,
        starts,
        st.integers(1, 24),
        st.one_of(st.just("last"), st.just("first business"), st.just("last business"), st.integers(1, 31)),
    ),
)


@given(grids, st.sets(st.integers(0, 500), min_size=1, max_size=30))
def test_stamps_of_a_grid_are_at_their_steps(grid, steps):
    steps = np.array(sorted(steps))
    np.testing.assert_array_equal(grid.nearest(grid.at(steps)), steps)
    assert grid.holds(grid.at(steps)).all()
