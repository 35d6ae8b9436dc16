import numpy as np
import pytest

from toto import InputError
from toto.data.forecast_frame import FrameKind
from toto.data.frame import series_from_table
from toto.data.history_frame import Happened, happened_frame, history_frame
from toto.data.layout import Layout
from toto.data.table import Table

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

MAKE = {"pandas": lambda frame: frame, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}


def long_frame():
    """Two series of other lengths, across the end of winter time."""
    hours = pd.date_range("2026-03-28 20:00", periods=12, freq="h", tz="Europe/Berlin")
    parts = [
        pd.DataFrame({"host": n, "ds": hours[:k], "y": np.arange(k) + 0.5}) for n, k in ((7, 12), (3, 9))
    ]
    return pd.concat(parts, ignore_index=True)


def as_pandas(frame):
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


@pytest.mark.parametrize("kind", MAKE)
def test_the_past_of_series_comes_back_as_it_was_given(kind):
    table = Table(MAKE[kind](long_frame()))
    series = series_from_table(table, Layout(id_column="host"))
    found = history_frame(series, [{"value": one.values} for one in series], FrameKind.of(table, "host"))
    assert type(found) is type(table.frame)
    pd.testing.assert_frame_equal(as_pandas(found), long_frame().rename(columns={"y": "value"}))


@pytest.mark.parametrize("kind", MAKE)
def test_what_happened_has_the_id_of_its_series_and_the_time_stamps_of_its_steps(kind):
    table = Table(MAKE[kind](long_frame()))
    series = series_from_table(table, Layout(id_column="host"))
    rows = [[(4, 5)], []]
    happened = [
        Happened(
            one,
            np.zeros(len(some), int),
            {
                "start": np.array([first for first, _ in some], int),
                "end": np.array([e for _, e in some], int),
            },
            {"size": np.array([1.5] * len(some)), "why": np.array(["odd"] * len(some), str)},
        )
        for one, some in zip(series, rows, strict=True)
    ]
    found = as_pandas(happened_frame(happened, FrameKind.of(table, "host")))
    assert list(found.columns) == ["host", "start", "end", "size", "why"]
    assert found.iloc[0].tolist() == [7, *long_frame()["ds"].iloc[[4, 5]], 1.5, "odd"]
    assert len(found) == 1
    assert found["host"].dtype == "int64"
    assert found["start"].dt.tz is not None
    nothing = as_pandas(happened_frame(happened[1:], FrameKind.of(table, "host")))
    assert list(nothing.columns) == list(found.columns)
    assert len(nothing) == 0


def test_an_id_column_with_the_name_of_a_result_is_named():
    frame = long_frame().rename(columns={"host": "start"})
    (one, _) = series_from_table(Table(frame), Layout(id_column="start"))
    nothing = np.zeros(0, int)
    with pytest.raises(
        InputError, match="the column 'start' has the name of a column of the result: rename it"
    ):
        happened_frame([Happened(one, nothing, {"start": nothing}, {})], FrameKind())
