import sys
from datetime import date, datetime, time

import numpy as np
import pytest

from toto import InputError, MissingExtraError
from toto.data.stamps import read_stamps
from toto.data.table import Table

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

KINDS = {"pandas": lambda frame: frame, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}


def stamps(*cells, **options) -> list[str]:
    read = read_stamps(Table(pd.DataFrame({"t": list(cells)})), "t", **options)
    return [str(stamp).replace("T", " ").removesuffix(".000000") for stamp in read.clock]


def test_iso_stamps_are_read_in_any_precision():
    assert stamps("2024-01-01", "2024-01-01 12:00", "2024-01-01T12:30:00.5") == [
        "2024-01-01 00:00:00",
        "2024-01-01 12:00:00",
        "2024-01-01 12:30:00.500000",
    ]


def test_days_are_told_from_months_by_those_above_twelve():
    assert stamps("01/02/2024", "01/31/2024")[0] == "2024-01-02 00:00:00"
    assert stamps("01/02/2024", "31/01/2024")[0] == "2024-02-01 00:00:00"
    assert stamps("01/02/24", "01/31/24")[0] == "2024-01-02 00:00:00"
    assert stamps("01/31/24", "01/02/24")[1] == "2024-01-02 00:00:00"
    assert stamps("31/01/24", "01/02/24")[1] == "2024-02-01 00:00:00"


def test_later_stamps_are_read_in_the_order_of_the_first_ones():
    for told, expected in (("31/01/2024", "2024-02-03"), ("01/31/2024", "2024-03-02"), ("5 Jan 2024", None)):
        first = read_stamps(Table(pd.DataFrame({"t": [told]})), "t")
        assert first.day_first is (None if expected is None else told.startswith("31"))
        if expected is not None:
            assert stamps("03/02/2024", like=first) == [f"{expected} 00:00:00"]
            other = stamps("03/02/2024", day_first=not first.day_first, like=first)
            assert other != [f"{expected} 00:00:00"]


def test_named_months_are_read():
    assert stamps("Jan 2024", "Feb 2024") == ["2024-01-01 00:00:00", "2024-02-01 00:00:00"]


def test_one_offset_is_kept_and_several_become_utc(caplog):
    assert stamps("2024-03-31T00:00+01:00", "2024-03-31T01:00+01:00")[0] == "2024-03-31 00:00:00"
    assert caplog.text == ""
    assert stamps("2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00")[1] == "2024-03-31 01:00:00"
    assert "time stamps with different offsets from UTC are converted to UTC: offsets do not" in caplog.text


def test_numbers_are_stamps_and_stay_numbers():
    assert stamps("1", "2", "3.5") == ["1.0", "2.0", "3.5"]
    assert stamps(1990, 1991) == ["1990", "1991"]


def test_eight_digits_are_dates_if_all_of_them_can_be():
    assert stamps("20240131", "20240201") == ["2024-01-31 00:00:00", "2024-02-01 00:00:00"]
    assert stamps("20240131", "20240132") == ["20240131", "20240132"]


def test_six_digits_are_months_if_they_are_of_several_years():
    assert stamps(202311, 202312, 202401)[-1] == "2024-01-01 00:00:00"
    assert stamps("202311", "202402")[0] == "2023-11-01 00:00:00"
    assert stamps(202301, 202302) == ["202301", "202302"]
    assert stamps(202312, 202313, 202401) == ["202312", "202313", "202401"]
    history = read_stamps(Table(pd.DataFrame({"t": [202312, 202401]})), "t")
    assert stamps(202402, 202403, like=history)[0] == "2024-02-01 00:00:00"
    counter = read_stamps(Table(pd.DataFrame({"t": [20240131, 20240132]})), "t")
    assert stamps(20240201, like=counter) == ["20240201"]


@pytest.mark.parametrize("cells", [("00:00", "00:15"), (time(0), time(1)), ("9:30 am", "10:00 AM")])
def test_a_time_of_day_is_no_time_stamp(cells):
    with pytest.raises(
        InputError, match=r"row 0, column t: '.*' is a time of day without a date; write 2026"
    ):
        stamps(*cells)


def test_the_first_stamp_that_cannot_be_read_is_named():
    with pytest.raises(InputError, match=r"row 2, column t: 'soon' is not a time stamp"):
        stamps("2024-01-01", "2024-01-02", "soon", "later")
    with pytest.raises(InputError, match=r"row 2, column t: '2024' is not a time stamp"):
        stamps("01/02/2024", "31/01/2024", "2024")
    with pytest.raises(InputError, match=r"row 1, column t: 'inf' is not a time stamp"):
        stamps("1", "inf")


def test_an_empty_time_cell_is_an_error():
    with pytest.raises(InputError, match="row 1, column t: no time stamp"):
        stamps("2024-01-01", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_datetimes_of_every_kind_and_precision_are_read(kind, unit):
    times = pd.to_datetime(["2024-03-31 00:30", "2024-03-31 01:30"]).as_unit(unit)
    if kind == "polars" and unit == "s":
        times = times.as_unit("ms")  # polars has no seconds
    read = read_stamps(Table(KINDS[kind](pd.DataFrame({"t": times}))), "t")
    np.testing.assert_array_equal(read.utc, times.to_numpy().astype("M8[us]"))
    np.testing.assert_array_equal(read.clock, read.utc)
    assert read.time_zone is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_zone_gives_the_moment_and_what_its_clock_shows(kind):
    times = pd.date_range("2024-03-31", periods=3, freq="h", tz="Europe/Berlin")
    read = read_stamps(Table(KINDS[kind](pd.DataFrame({"t": times}))), "t")
    assert read.time_zone == "Europe/Berlin"
    np.testing.assert_array_equal(read.utc, times.tz_convert(None).to_numpy())
    np.testing.assert_array_equal(read.clock, times.tz_localize(None).to_numpy())


@pytest.mark.parametrize("frame", [pl.DataFrame, pa.table, pd.DataFrame])
def test_dates_without_a_time_are_midnights(frame):
    read = read_stamps(Table(frame({"t": [date(2024, 1, 31), date(2024, 2, 1)]})), "t")
    assert read.clock.tolist() == [datetime(2024, 1, 31), datetime(2024, 2, 1)]


def test_dates_that_can_be_read_in_two_ways_are_an_error_unless_told():
    with pytest.raises(InputError, match=r"row 0, column t: '01/02/2024' and all others .* day_first=True"):
        stamps("01/02/2024", "02/02/2024")
    assert stamps("01/02/2024", "02/02/2024", day_first=True)[0] == "2024-02-01 00:00:00"
    assert stamps("01/02/2024", "02/02/2024", day_first=False)[1] == "2024-02-02 00:00:00"
    assert stamps("01/01/2024", "02/02/2024") == ["2024-01-01 00:00:00", "2024-02-02 00:00:00"]


def test_a_date_against_the_order_that_was_told_is_an_error():
    with pytest.raises(InputError, match="row 1, column t: '31/01/2024' is not a time stamp"):
        stamps("01/02/2024", "31/01/2024", day_first=False)


def test_text_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="reading dates written as text needs pandas: pip install"):
        read_stamps(Table(pl.DataFrame({"t": ["2024-01-01"]})), "t")
