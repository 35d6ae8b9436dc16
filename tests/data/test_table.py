import logging
import sys

import numpy as np
import pytest

from toto import InputError, MissingExtraError
from toto.data.table import (
    Table,
    find_time_column,
    import_pandas,
    is_frame,
    read_values,
    rows_by_value,
    without_row_numbers,
)

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


def table(**columns) -> Table:
    return Table(pd.DataFrame(columns))


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


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"y": ["1"], "Timestamp": ["5"]}, "Timestamp"),
        ({"y": ["1"], "ds": ["5"], "time": ["5"]}, "ds"),
        ({"y": ["1"], "Week": ["04/30/2021"]}, "Week"),
        ({"Month": ["1949-01"], "y": ["1"]}, "Month"),
        ({"Unnamed: 0": ["0"], "y": ["1"]}, "Unnamed: 0"),
        ({"": ["0"], "started": ["2024-01-01 10:00"], "y": ["1"]}, "started"),
        ({"created": pd.to_datetime(["2024-01-01"]), "y": [1.0]}, "created"),
        ({"version": ["1.2.3"], "y": ["1.5"], "z": ["20240101"], "w": ["may"], "v": ["2024.5"]}, None),
    ],
)
def test_the_time_column_is_found_by_its_name_or_its_dates(columns, found):
    assert find_time_column(Table(pd.DataFrame(columns)), None) == found


def test_an_unknown_column_is_an_error_that_lists_the_others():
    with pytest.raises(InputError, match="data frame: no column 'when'; there are day, y"):
        find_time_column(table(day=["1"], y=["2"]), "when")
    with pytest.raises(InputError, match="no column 'Price'; there are Date, ' Price'"):
        Table(pd.DataFrame({"Date": [1], " Price": [2]})).check_column("Price")


@pytest.mark.parametrize("name", ["Unnamed: 0", "__index_level_0__", ""])
def test_an_index_in_a_file_is_no_values(name, caplog):
    written = Table(pd.DataFrame({name: [7, 3, 12], "y": [1, 1, 2]}))
    assert without_row_numbers(written, [name, "y"]) == ["y"]
    assert f"data frame, column {name!r}: has no name, numbers rows, and is left out" in caplog.text
    assert without_row_numbers(written, [name]) == [name]
    values = Table(pd.DataFrame({name: [7, 7, 12], "y": [1, 1, 2]}))
    assert without_row_numbers(values, [name, "y"]) == [name, "y"]


def test_where_no_time_is_found_the_error_says_how_to_name_it():
    weeks = Table(pd.DataFrame({"Week": ["04/30/21", "05/07/21"], "y": [1, 2]}))
    with pytest.raises(InputError, match=r"'04/30/21' is not a number; .* time stamps with time_column \("):
        read_values(weeks, ["Week", "y"])
    timed = Table(weeks.frame.assign(day=["2021-04-30", "2021-05-07"]))
    with pytest.raises(InputError, match="'04/30/21' is not a number") as error:
        read_values(timed, ["Week"])
    assert "time_column" not in str(error.value)


def test_a_covariate_of_words_is_an_error_with_another_way_out():
    weather = table(y=[1, 2], sky=["0", "clear"])
    with pytest.raises(InputError, match=r"row 1, column sky: 'clear' is not .* a covariate of words make a"):
        read_values(weather, ["y", "sky"], covariates=["sky"])


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingExtraError, match=r"reading data frames needs pandas: pip install .*\[pandas\]"
    ):
        import_pandas()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_numbers_of_every_kind_of_frame_are_read(kind):
    frame = kind({"a": [1, None, 3], "b": [0.5, float("nan"), 2.0], "c": ["1", "", "x"], "d": [None] * 3})
    nan = np.nan
    np.testing.assert_array_equal(
        read_values(Table(frame), ["a", "b", "d"]), [[1, nan, 3], [0.5, nan, 2], [nan] * 3]
    )
    with pytest.raises(InputError, match="data frame, row 2, column c: 'x' is not a number"):
        read_values(Table(frame), ["c"])


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_rows_are_found_by_value_in_the_order_of_first_appearance(kind):
    rows = rows_by_value(Table(kind({"id": ["b", "a", "b", "c", "a"]})), "id")
    assert {name: some.tolist() for name, some in rows.items()} == {"b": [0, 2], "a": [1, 4], "c": [3]}
    assert list(rows) == ["b", "a", "c"]


def test_what_is_a_frame():
    frames = (pd.DataFrame(), pl.DataFrame(), pl.LazyFrame(), pa.table({}), pd.Series([1]), pl.Series([1]))
    assert all(map(is_frame, frames))
    assert not any(map(is_frame, (np.zeros(3), [1, 2], 5)))


def test_a_frame_with_two_columns_of_one_name_is_a_frame():
    assert is_frame(pd.DataFrame([[1, 2]], columns=["y", "y"]))


def test_numbers_may_name_columns():
    assert Table(pd.DataFrame(np.zeros((1, 2)))).cells.columns == ["0", "1"]


def test_names_in_several_levels_become_one():
    names = pd.MultiIndex.from_tuples([("time", ""), ("cpu", "a"), ("cpu", "b")])
    assert Table(pd.DataFrame([["2026-01-01", 1, 2]], columns=names)).cells.columns == [
        "time",
        "cpu, a",
        "cpu, b",
    ]


def test_a_word_among_numbers_names_the_columns_of_numbers():
    table = Table(pd.DataFrame({"sky": ["clear"], "wind": [2.5], "rain": ["0"], "price": ["1,5"]}))
    with pytest.raises(
        InputError, match=r"column sky: 'clear' is not a number; .* \(--columns 'wind,rain'\)"
    ):
        read_values(table, ["sky"])
    with pytest.raises(InputError, match="column price: '1,5' is not a number; write it with a point"):
        read_values(table, ["price"])
