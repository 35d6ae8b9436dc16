"""Live series through a pipeline: frames and arrays."""

import numpy as np
import pytest
import torch

from toto import InputError, TotoPipeline
from toto.streaming.group import StreamGroup
from toto.streaming.stream import Stream

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

MAKE = {"pandas": lambda frame: frame, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture
def pipe(tiny):
    return TotoPipeline(tiny)


def walk(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=length).cumsum()


def long_frame(length: int = 60) -> "pd.DataFrame":
    """Two series across the end of winter time, on other grids."""
    parts = []
    for place, (name, freq) in enumerate((("a", "h"), ("b", "15min"))):
        times = pd.date_range("2026-03-28", periods=length, freq=freq, tz="Europe/Berlin")
        parts.append(pd.DataFrame({"host": name, "ds": times, "y": walk(length, place)}))
    return pd.concat(parts, ignore_index=True)


def split(frame, length: int):
    """The first rows of every series, and the others."""
    place = frame.groupby("host").cumcount()
    return frame[place < length], frame[place >= length]


def as_pandas(frame):
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


@pytest.mark.parametrize("kind", MAKE)
def test_frames_go_in_and_scores_and_forecasts_of_the_whole_series_come_out(pipe, kind):
    past, new = split(long_frame(), 40)
    stream = pipe.stream(MAKE[kind](past), id_column="host")
    arrived = stream.append(MAKE[kind](new.sample(frac=1, random_state=0)))
    assert repr(arrived) == "ArrivedScores(2 series, 40 steps)"
    assert repr(stream) == "SeriesStream(2 series, 120 steps)"
    shown = arrived.to_frame()
    assert isinstance(shown, type(MAKE[kind](past)))
    shown = as_pandas(shown)
    assert shown["ds"].tolist() == new["ds"].tolist()
    assert shown["value"].tolist() == new["y"].tolist()
    alone = Stream(pipe.model, walk(40, 1)).append(walk(60, 1)[40:])
    np.testing.assert_allclose(shown[shown["host"] == "b"]["log_prob"], alone.log_prob[0, 0], rtol=1e-6)
    forecast = stream.forecast(5, seed=0)
    expected = pipe.forecast(MAKE[kind](long_frame()), 5, id_column="host", seed=0)
    torch.testing.assert_close(forecast.samples, expected.samples, **CLOSE)
    pd.testing.assert_frame_equal(as_pandas(forecast.to_frame()), as_pandas(expected.to_frame()))


def test_gaps_missing_cells_and_series_without_new_rows_are_as_in_a_stream(pipe):
    past, new = split(long_frame(), 40)
    stream = pipe.stream(past, id_column="host", one_step_ahead=True)
    some = (
        new[new["host"] == "a"].drop(index=[42, 43]).assign(y=lambda rows: rows["y"].where(rows.index != 50))
    )
    frame = stream.append(some).to_frame()
    assert frame["host"].unique().tolist() == ["a"]
    assert frame["log_prob"].isna().to_numpy().nonzero()[0].tolist() == [2, 3, 10]
    assert frame["steps_ahead"].tolist() == [1] * 20
    assert stream.group.num_steps("b") == 40


@pytest.mark.parametrize("kind", MAKE)
def test_a_frame_without_rows_is_no_news(pipe, kind):
    frame = long_frame()
    for history, options in ((frame, {"id_column": "host"}), (frame[:60].drop(columns="host"), {})):
        stream = pipe.stream(MAKE[kind](history), **options)
        shown = stream.append(MAKE[kind](history[:0])).to_frame()
        assert len(shown) == 0
        assert {"ds", "log_prob"} <= set(as_pandas(shown).columns)


def test_columns_can_see_each_other_and_rows_of_a_group_are_put_on_one_grid(pipe):
    frame = long_frame(50)
    frame.loc[frame["host"] == "b", "ds"] = frame["ds"][:50].to_numpy()
    frame["all"] = "x"
    past, new = split(frame, 40)
    stream = pipe.stream(past, id_column="host", group="all")
    arrived = stream.append(new.drop(index=47)).to_frame()
    wide = Stream(pipe.model, np.stack([walk(40, 0), walk(40, 1)]))
    values = np.stack([walk(50, 0), walk(50, 1)])[:, 40:]
    values[0, 7] = np.nan
    expected = wide.append(values).log_prob[0]
    np.testing.assert_allclose(arrived["log_prob"].to_numpy().reshape(2, 10), expected, rtol=1e-6)


def test_arrays_go_in_in_the_shape_of_the_history(pipe):
    values = np.stack([walk(60, 0), walk(60, 1)])
    for history, new, options, shape in (
        (values[0, :40], values[0, 40:], {}, (1, 1, 20)),
        (values[:, :40], values[:, 40:], {}, (2, 1, 20)),
        (values[:, :40], values[:, 40:], {"multivariate": True}, (1, 2, 20)),
        ([values[0, :40], values[1, :33]], [values[0, 40:], values[1, 40:41]], {}, (2, 1, 20)),
    ):
        stream = pipe.stream(history, **options)
        arrived = stream.append(new)
        assert arrived.scores.values.shape == shape
        assert arrived.to_frame()["step"].iloc[0] == 40
        assert stream.forecast(3, num_samples=2).median.shape[-1] == 3


def test_a_stream_goes_on_from_its_file(pipe, tmp_path):
    past, new = split(long_frame(), 40)
    stream = pipe.stream(past, id_column="host", context=32)
    stream.save(tmp_path / "hosts.stream")
    again = pipe.load_stream(tmp_path / "hosts.stream")
    assert len(again) == 2
    shown, expected = (one.append(new).to_frame() for one in (again, stream))
    pd.testing.assert_frame_equal(shown, expected, check_dtype=False)  # dates to 1 us
    shown, expected = (one.forecast(4, seed=0).to_frame() for one in (again, stream))
    pd.testing.assert_frame_equal(shown, expected, check_dtype=False)
    array = pipe.stream(walk(30))
    array.append([1.0])
    array.save(tmp_path / "array.stream")
    assert pipe.load_stream(tmp_path / "array.stream").append([2.0]).to_frame()["step"].tolist() == [31]


def test_data_that_breaks_a_rule_is_named(pipe, tmp_path):
    past, new = split(long_frame(), 40)
    stream = pipe.stream(past, id_column="host")
    before = repr(stream)
    for data, message in (
        (walk(3), "data must be a data frame with a column of times, as the history was, got ndarray"),
        (new.drop(columns="y"), "no column 'y'; there are host, ds"),
        (new.assign(host="c"), r"the stream has no series 'c' \(1 such\): begin a stream with its history"),
        (pd.concat([new, new.iloc[:1]]), "row 40, column ds: .* is there a second time: keep one row"),
        (past, "stream 'a': times must be later than the newest step"),
        (
            new.assign(ds=new["ds"].dt.tz_localize(None)),
            "the times must be in the time zone of the history, Europe/Berlin, got None",
        ),
        (new.assign(ds=new["ds"] + pd.Timedelta("7min")), "times must lie on the grid of the stream"),
    ):
        with pytest.raises(InputError, match=message):
            stream.append(data)
    assert repr(stream) == before
    assert stream.append(new, late="drop").scores.values.shape == (2, 1, 20)
    arrays = pipe.stream([walk(30), walk(30)])
    with pytest.raises(
        InputError, match="data must be an array or a list of arrays, as the history was, got Data"
    ):
        arrays.append(new)
    with pytest.raises(InputError, match="data must hold steps of 2 series, as the history, got 1"):
        arrays.append(walk(3))
    StreamGroup(pipe.model).save(tmp_path / "nameless.stream")
    with pytest.raises(InputError, match="holds streams without names or a watch: load it with"):
        pipe.load_stream(tmp_path / "nameless.stream")


def test_histories_that_break_a_rule_are_named(pipe, tmp_path):
    days = pd.date_range("2026-01-01", periods=40, freq="B")
    with pytest.raises(InputError, match="needs even steps, got steps of 1 business day in y: number them"):
        pipe.stream(pd.DataFrame({"ds": days, "y": walk(40)}))
    with pytest.raises(InputError, match="a stream of frames needs a column of times; there are x"):
        pipe.stream(pd.DataFrame({"x": walk(40)}))
    frame = long_frame()
    half = frame.assign(y=frame["y"].where(frame["host"] == "a"))
    with pytest.raises(InputError, match="stream 'b': history holds no real value"):
        pipe.stream(half, id_column="host")
    frame["host"] = pd.to_datetime("2026-01-01")
    with pytest.raises(InputError, match="ids of series that are saved must be texts or numbers"):
        pipe.stream(frame[:60], id_column="host").save(tmp_path / "dates.stream")


def named(rows: list) -> "pd.DataFrame":
    """A long frame of series by (group, id)."""
    times = pd.date_range("2026-01-01", periods=40, freq="h")
    parts = [pd.DataFrame({"group": g, "unique_id": i, "ds": times, "y": walk(40, n)}) for g, i, n in rows]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("begin", ["stream", "watch"])
def test_series_whose_names_are_written_alike_are_refused_rather_than_lost(pipe, begin):
    grouped = named([("g", "a; b", 0), ("h", "a", 1), ("h", "b", 2)])
    message = r"got \['a; b'\] and \['a', 'b'\], which both are 'a; b': rename one of them"
    with pytest.raises(InputError, match=message):
        getattr(pipe, begin)(grouped, group="group")
    targets = named([(0, "a", 1), (0, "a, b", 2)]).rename(columns={"y": "c"}).assign(**{"b, c": 1.0})
    with pytest.raises(
        InputError, match=r"\('a', 'b, c'\)\] and \[\('a, b', 'c'\)\], which both are 'a, b, c'"
    ):
        getattr(pipe, begin)(targets, columns=["c", "b, c"])
    mixed = named([(0, 1, 1), (0, "1", 2)])
    with pytest.raises(InputError, match=r"got \[1\] and \['1'\], which both are '1': rename one of them"):
        getattr(pipe, begin)(mixed)
    apart = named([("g", "a", 0), ("g", "b", 1), ("h", "c", 2), ("h", "d", 3)])
    assert len(getattr(pipe, begin)(apart, group="group")) == 2


def test_single_stamps_are_read_as_those_of_the_history_were(pipe):
    counter = pd.DataFrame({"time": np.arange(20260290, 20260320), "x": walk(30)})  # no dates: there is a 290
    stream = pipe.stream(counter)
    arrived = stream.append(pd.DataFrame({"time": [20260320], "x": [1.0]}))  # would be a date by itself
    assert arrived.to_frame()["time"].tolist() == [20260320]
    days = pd.date_range("2026-01-20", periods=41)
    for written, by_itself in (
        ("%d/%m/%Y", "01/03/2026"),
        ("%m/%d/%Y", "03/01/2026"),
        ("%Y%m%d", "20260301"),
    ):
        frame = pd.DataFrame({"date": days.strftime(written), "x": walk(41)})
        arrived = pipe.stream(frame[:40]).append(frame[40:])
        assert frame["date"].iloc[40] == by_itself
        assert arrived.to_frame()["date"].dt.strftime("%Y-%m-%d").tolist() == ["2026-03-01"]
