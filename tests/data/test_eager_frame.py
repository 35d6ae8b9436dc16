"""Frames of any kind, and what pandas has beside columns."""

import pytest

from toto import InputError
from toto.data.table import Table, find_time_column, is_frame

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


def test_batches_and_columns_without_a_name_are_frames():
    batch = pa.RecordBatch.from_pydict({"a": [1, 2], "b": [3, 4]})
    assert is_frame(batch)
    assert Table(batch).cells.to_dict(as_series=False) == {"a": [1, 2], "b": [3, 4]}
    for column in (pl.Series([1, 2]), pa.chunked_array([[1, 2]]), pd.Series([1, 2])):
        assert Table(column).cells.to_dict(as_series=False) == {"value": [1, 2]}
    twice = pa.RecordBatch.from_arrays([pa.array([1])] * 2, names=["a", "a"])
    with pytest.raises(InputError, match="columns must have different names"):
        Table(twice).cells  # noqa: B018


@pytest.mark.parametrize("frame", [pl.LazyFrame({"a": [1]}), [1, 2]])
def test_what_is_no_frame_in_memory_is_an_error(frame):
    with pytest.raises(InputError, match=r"not a data frame of pandas, polars or pyarrow in memory but"):
        Table(frame).cells  # noqa: B018


def test_two_columns_of_one_name_are_an_error():
    with pytest.raises(InputError, match=r"data frame: columns must have different names: .*'y' 2 times"):
        Table(pd.DataFrame([[1, 2]], columns=["y", "y"])).cells  # noqa: B018


def test_time_stamps_in_a_level_of_an_index_without_names_are_a_column():
    index = pd.MultiIndex.from_product([["a", "b"], pd.date_range("2026-01-01", periods=2)])
    frame = Table(pd.DataFrame({"y": range(4)}, index=index))
    assert frame.cells.columns == ["level_0", "level_1", "y"]
    assert find_time_column(frame, None) == "level_1"


@pytest.mark.parametrize("frequency", ["W", "W-WED", "M", "Q", "Y", "h"])
def test_periods_are_the_time_stamps_of_their_starts(frequency):
    periods = pd.period_range("2024-01-03", periods=3, freq=frequency)
    for frame in (pd.DataFrame({"y": range(3)}, index=periods), pd.DataFrame({"ds": periods, "y": range(3)})):
        table = Table(frame)
        name = find_time_column(table, None)
        assert name in ("index", "ds")
        assert table.cells[name].to_list() == periods.to_timestamp().to_list()


def test_an_index_that_is_a_column_too_counts_once_and_must_be_equal():
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=2), "y": [1, 2]})
    both = frame.set_index("ds", drop=False)
    assert Table(both).cells.columns == ["ds", "y"]
    assert Table(both.set_index("y", append=True, drop=False)).cells.columns == ["ds", "y"]
    with pytest.raises(InputError, match="the index and a column are both called 'ds' and differ"):
        Table(both.assign(ds=both["ds"] + pd.Timedelta(days=1))).cells  # noqa: B018
