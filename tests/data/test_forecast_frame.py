import datetime
import sys

import numpy as np
import pytest

from toto import InputError, MissingExtraError
from toto.data.forecast_frame import FrameKind, forecast_frame
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table
from toto.data.time_grid import EvenGrid

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

KINDS = {
    "pandas": (pd.DataFrame, lambda frame: frame, lambda frame: frame),
    "polars": (pl.DataFrame, pl.from_pandas, lambda frame: frame.to_pandas()),
    "pyarrow": (pa.Table, pa.Table.from_pandas, lambda frame: frame.to_pandas()),
}


def future(frame, horizon=3, layout=None, **numbers):
    """The frame of a forecast of made-up numbers after `frame`."""
    table = Table(frame)
    series = series_from_table(table, layout or Layout())
    rows = sum(len(one.variates) for one in series)
    numbers = numbers or {"mean": np.arange(rows * horizon, dtype=float).reshape(rows, horizon)}
    id_column = "unique_id" if "unique_id" in table.cells.columns else None
    return forecast_frame(series, numbers, FrameKind.of(table, id_column))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("freq", ["15min", "h", "D", "B", "W-SUN", "MS", "ME", "BMS", "QS", "YE"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/New_York"])
def test_time_goes_on_as_in_pandas_in_a_frame_of_the_same_kind(kind, freq, zone):
    type_of, make, back = KINDS[kind]
    times = pd.date_range("2024-01-26", periods=36, freq=freq, tz=zone)
    result = future(make(pd.DataFrame({"ds": times[:30], "y": np.arange(30.0)})), 6)
    assert isinstance(result, type_of)
    frame = back(result)
    assert list(frame.columns) == ["ds", "variate", "mean"]
    assert frame["ds"].tolist() == times[30:].tolist()
    assert str(frame["ds"].dt.tz) == str(zone)
    assert frame["mean"].tolist() == list(range(6))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("start", "first"), [("2024-03-30 22:00", 3), ("2024-10-26 20:00", 2)])
def test_hours_go_on_through_the_change_of_the_clock(kind, start, first):
    _, make, back = KINDS[kind]
    times = pd.date_range(start, periods=12, freq="h", tz="Europe/Berlin")
    frame = back(future(make(pd.DataFrame({"ds": times[:6], "y": np.arange(6.0)})), 6))
    assert frame["ds"].tolist() == times[6:].tolist()


@pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT+5", "America/Port-au-Prince", "UTC", "+02:00"])
@pytest.mark.parametrize("backend", ["numpy", "pyarrow"])
def test_zones_of_any_name_come_back_in_pandas(zone, backend):
    times = pd.date_range("2026-03-07 12:00", periods=20, freq="h", tz=zone)
    given = pd.DataFrame({"ds": times[:14], "y": np.arange(14.0)})
    frame = future(given if backend == "numpy" else given.convert_dtypes(dtype_backend="pyarrow"), 6)
    assert frame["ds"].tolist() == times[14:].tolist()
    assert frame["ds"].iloc[0].utcoffset() == times[14].utcoffset()


def test_six_hours_on_the_clock_stay_on_the_clock():
    clock = pd.date_range("2024-03-29", periods=20, freq="6h")
    times = clock.tz_localize("Europe/Berlin")
    frame = future(pd.DataFrame({"ds": times[:16], "y": np.arange(16.0)}), 4)
    assert frame["ds"].tolist() == times[16:].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_forecast_of_series_has_their_ids_in_their_type(kind):
    _, make, back = KINDS[kind]
    times = pd.date_range("2024-01-01", periods=3, freq="D")
    for ids in (["b", "a"], [7, 3], pd.Categorical(["x", "y"])):
        frame = pd.DataFrame({"unique_id": np.repeat(np.asarray(ids), 3), "ds": list(times) * 2, "y": 1.0})
        if isinstance(ids, pd.Categorical):
            frame["unique_id"] = frame["unique_id"].astype("category")
        given = make(frame)
        result = future(given, 2)
        assert back(result)["unique_id"].tolist() == [ids[0], ids[0], ids[1], ids[1]]
        assert Table(result).cells.schema["unique_id"] == Table(given).cells.schema["unique_id"]


@pytest.mark.parametrize("frame", [pl.DataFrame, pa.table])
def test_dates_stay_dates(frame):
    days = [datetime.date(2024, 2, day) for day in range(26, 30)]
    result = Table(future(frame({"day": days, "y": [1.0, 2.0, 3.0, 4.0]}), 1)).cells
    assert result["day"].to_list() == [datetime.date(2024, 3, 1)]


def test_precision_of_time_stays():
    for unit in ("ms", "us", "ns"):
        times = pl.Series(pd.date_range("2024", periods=3, freq="h")).dt.cast_time_unit(unit)
        assert future(pl.DataFrame({"ds": times, "y": [1.0, 2.0, 3.0]})).schema["ds"] == pl.Datetime(unit)


def test_numbers_go_on_as_numbers():
    assert future(pd.DataFrame({"time": [1, 2, 4], "y": [1.0, 2.0, 3.0]}))["time"].tolist() == [5, 6, 7]


def test_several_targets_have_a_column():
    frame = pd.DataFrame({"unique_id": ["a", "a"], "ds": [1, 2], "p": [1, 2], "q": [1, 2]})
    result = future(frame, 1, Layout(columns=["q", "p"]))
    assert list(result.columns) == ["unique_id", "ds", "target", "mean"]
    assert result["target"].tolist() == ["q", "p"]


def test_a_column_with_a_name_of_the_forecast_is_an_error():
    frame = pd.DataFrame({"unique_id": ["a", "a"], "mean": [1, 2], "y": [1, 2]})
    with pytest.raises(InputError, match="the column 'mean' has the name of a column of the forecast"):
        future(frame, layout=Layout("mean"))


def test_a_time_column_with_a_name_that_the_frame_has_too_is_an_error():
    rows = {"unique_id": ["a", "a"], "p": [1, 2], "q": [1, 2]}
    with pytest.raises(InputError, match="the column 'variate' has the name of a column of the forecast"):
        future(pd.DataFrame({"variate": [1, 2], "y": [1, 2]}), layout=Layout("variate"))
    long = pd.DataFrame(rows | {"target": [1, 2]})
    with pytest.raises(InputError, match="the column 'target' has the name of a column of the forecast"):
        future(long, layout=Layout("target", ["p", "q"]))
    assert list(future(long, 1, Layout("target", ["p"])).columns) == ["unique_id", "target", "mean"]


def test_without_the_package_of_a_kind_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    series = RegularSeries(np.zeros((1, 3)), ("y",), EvenGrid(0, 1))
    with pytest.raises(MissingExtraError, match="a data frame needs pandas: pip install"):
        forecast_frame([series], {"mean": np.zeros((1, 2))}, FrameKind())
