import logging
import sys

import numpy as np
import pytest

from toto import InputError, MissingExtraError
from toto.data.table import Table, find_time_column, import_pandas, read_stamps, read_values

pd = pytest.importorskip("pandas")


def table(**columns) -> Table:
    return Table(pd.DataFrame(columns))


def stamps(*cells) -> list[str]:
    return [str(stamp) for stamp in read_stamps(table(t=list(cells)), "t")]


def test_empty_cells_and_words_for_missing_are_nan():
    cells = ["1.5", "", "NA", " nan ", "None", "null", "-2e3", " 7 "]
    expected = [[1.5, np.nan, np.nan, np.nan, np.nan, np.nan, -2000.0, 7.0]]
    np.testing.assert_array_equal(read_values(table(y=cells), ["y"]), expected)


def test_number_columns_of_every_kind_are_read():
    frame = table(a=[1, 2], b=[True, False], c=pd.array([1, None], dtype="Int64"), d=[1.5, None])
    expected = [[1, 2], [1, 0], [1, np.nan], [1.5, np.nan]]
    np.testing.assert_array_equal(read_values(frame, ["a", "b", "c", "d"]), expected)


def test_infinite_values_are_missing_and_counted(caplog):
    with caplog.at_level(logging.WARNING):
        values = read_values(table(y=["1", "inf", "-inf"]), ["y"])
    np.testing.assert_array_equal(values, [[1.0, np.nan, np.nan]])
    assert "data frame, column y: 2 infinite values are missing ones" in caplog.text


@pytest.mark.parametrize("text", ["broken", "1,5", "12 kW", "?", "True", "0x1A", "1_000"])
def test_text_among_numbers_is_an_error_that_shows_it(text):
    with pytest.raises(InputError, match=r"data frame, row 1, column y: '.*' is not a number"):
        read_values(table(y=["1", text, "2"]), ["y"])


def test_datetimes_are_not_numbers():
    with pytest.raises(InputError, match="row 0, column y: '2024-01-01 00:00:00' is not a number"):
        read_values(table(y=pd.to_datetime(["2024-01-01", None])), ["y"])


def test_iso_stamps_are_read_in_any_precision():
    assert stamps("2024-01-01", "2024-01-01 12:00", "2024-01-01T12:30:00.5") == [
        "2024-01-01 00:00:00",
        "2024-01-01 12:00:00",
        "2024-01-01 12:30:00.500000",
    ]


def test_days_are_told_from_months_by_those_above_twelve():
    assert stamps("01/02/2024", "01/31/2024")[0] == "2024-01-02 00:00:00"
    assert stamps("01/02/2024", "31/01/2024")[0] == "2024-02-01 00:00:00"


def test_named_months_are_read():
    assert stamps("Jan 2024", "Feb 2024") == ["2024-01-01 00:00:00", "2024-02-01 00:00:00"]


def test_one_offset_is_kept_and_several_become_utc(caplog):
    assert stamps("2024-03-31T00:00+01:00", "2024-03-31T01:00+01:00")[0] == "2024-03-31 00:00:00+01:00"
    assert caplog.text == ""
    assert stamps("2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00")[1] == "2024-03-31 01:00:00+00:00"
    assert "time stamps with different offsets from UTC are converted to UTC" in caplog.text


def test_numbers_are_stamps_and_stay_numbers():
    assert stamps("1", "2", "3.5") == ["1.0", "2.0", "3.5"]
    assert stamps(1990, 1991) == ["1990", "1991"]


def test_eight_digits_are_dates_if_all_of_them_can_be():
    assert stamps("20240131", "20240201") == ["2024-01-31 00:00:00", "2024-02-01 00:00:00"]
    assert stamps("20240131", "20240132") == ["20240131", "20240132"]


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


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"y": ["1"], "Timestamp": ["5"]}, "Timestamp"),
        ({"y": ["1"], "ds": ["5"], "time": ["5"]}, "ds"),
        ({"y": ["1"], "Week": ["04/30/2021"]}, "Week"),
        ({"Month": ["1949-01"], "y": ["1"]}, "Month"),
        ({"Unnamed: 0": ["0"], "y": ["1"]}, "Unnamed: 0"),
        ({"created": pd.to_datetime(["2024-01-01"]), "y": [1.0]}, "created"),
        ({"version": ["1.2.3"], "y": ["1.5"], "z": ["20240101"], "w": ["may"], "v": ["2024.5"]}, None),
    ],
)
def test_the_time_column_is_found_by_its_name_or_its_dates(columns, found):
    assert find_time_column(Table(pd.DataFrame(columns)), None) == found


def test_an_unknown_column_is_an_error_that_lists_the_others():
    with pytest.raises(InputError, match="data frame: no column 'when'; there are day, y"):
        find_time_column(table(day=["1"], y=["2"]), "when")


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingExtraError, match=r"reading data frames needs pandas: pip install .*\[pandas\]"
    ):
        import_pandas()
