"""Alarms from live series through a pipeline: frames and arrays."""

import numpy as np
import pytest

from toto import InputError, TotoPipeline
from toto.alarms.alarms import Alarm

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

MAKE = {"pandas": lambda frame: frame, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}
RATE = "1/200 steps"
PAST = 200


def wide(waves: np.ndarray) -> "pd.DataFrame":
    times = pd.date_range("2026-01-01", periods=waves.shape[1], freq="min", tz="Europe/Berlin")
    return pd.DataFrame({"time": times, "cpu": waves[0], "load": waves[1]})


def long(waves: np.ndarray) -> "pd.DataFrame":
    return wide(waves).melt("time", var_name="host", value_name="y")


def as_pandas(frame):
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


def summary(alarms) -> list[tuple[str, list[str]]]:
    """The minute of each alarm and its variates."""
    return [(str(alarm.time)[11:16], [one.name for one in alarm.variates]) for alarm in alarms]


@pytest.mark.parametrize("kind", MAKE)
def test_frames_go_in_and_alarms_come_out(pipe, waves, kind):
    frame = wide(waves)
    watch = pipe.watch(MAKE[kind](frame[:PAST]), RATE)
    assert repr(watch) == "SeriesWatch(2 series, 400 steps)"
    alarms = watch.append(MAKE[kind](frame[PAST:]))
    assert ("03:50", ["cpu"]) in summary(alarms)
    assert ("04:00", ["load"]) in summary(alarms)
    first = next(alarm for alarm in alarms if alarm.variates[0].value == 200)
    assert isinstance(first, Alarm)
    assert first.score > first.threshold
    assert first.variates[0].low < first.variates[0].high < 200
    shown = alarms.to_frame()
    assert isinstance(shown, type(MAKE[kind](frame)))
    shown = as_pandas(shown)
    assert list(shown.columns) == ["time", "variate", "value", "score", "threshold", "low", "high", "alarm"]
    assert shown["value"].tolist() == [*waves[0, PAST:], *waves[1, PAST:]]
    assert shown["alarm"].sum() == len(alarms)
    began = shown[shown["alarm"]]
    assert (began["score"] > began["threshold"]).all()
    assert repr(alarms) == f"Alarms({len(alarms)} in 120 steps of 2 series)"


def test_each_series_of_a_long_frame_is_judged_by_itself_at_its_own_pace(as_users_call, pipe, waves):
    frame = long(waves)
    place = frame.groupby("host").cumcount()
    watch = pipe.watch(frame[place < PAST], RATE, id_column="host", time_column="time")
    found = []
    for first in range(PAST, 260, 15):
        some = frame[(place >= first) & (place < first + 15)]
        found += [(alarm.time, alarm.score) for alarm in watch.append(some[some["host"] == "cpu"])]
    found += [
        (alarm.time, alarm.score) for alarm in watch.append(frame[place >= PAST].query("host == 'load'"))
    ]
    expected = []
    for name in ("cpu", "load"):
        alone = wide(waves)[["time", name]]
        expected += pipe.watch(alone[:PAST], RATE).append(alone[PAST:])
    assert [time for time, _ in found] == [alarm.time for alarm in expected]
    np.testing.assert_allclose([score for _, score in found], [alarm.score for alarm in expected], rtol=1e-6)


def test_columns_that_see_each_other_have_one_score(pipe, waves):
    frame = wide(waves)
    watch = pipe.watch(frame[:PAST], RATE, multivariate=True, cool_down=0)
    alarms = watch.append(frame[PAST:])
    assert ("03:50", ["cpu"]) in summary(alarms)
    assert ("04:00", ["load"]) in summary(alarms)
    shown = alarms.to_frame()
    by_column = shown.pivot(index="time", columns="variate", values="score")
    pd.testing.assert_series_equal(by_column["cpu"], by_column["load"], check_names=False)
    at = shown[(shown["time"].dt.strftime("%H:%M") == "03:50")].set_index("variate")["alarm"]
    assert at.to_dict() == {"cpu": True, "load": False}


def test_arrays_go_in_in_the_shape_of_the_history(as_users_call, pipe, waves):
    for history, new, options, num_series in (
        (waves[0, :PAST], waves[0, PAST:], {}, 1),
        (waves[:, :PAST], waves[:, PAST:], {}, 2),
        (waves[:, :PAST], waves[:, PAST:], {"multivariate": True}, 1),
        ([waves[0, :PAST], waves[1, 50:PAST]], [waves[0, PAST:], waves[1, PAST:]], {}, 2),
    ):
        watch = pipe.watch(history, RATE, **options)
        assert len(watch) == num_series
        alarms = watch.append(new)
        assert 230 in [alarm.time for alarm in alarms]
        assert alarms.to_frame()["step"].iloc[0] == PAST
        assert watch.forecast(3, num_samples=2).median.shape[-1] == 3
    with pytest.raises(InputError, match="data must hold steps of 2 series, as the history, got 1"):
        watch.append(waves[0, PAST:])
    together = pipe.watch(waves[:, :PAST], RATE, multivariate=True)
    with pytest.raises(InputError, match="values must be of 2 variates, as the history, got 3"):
        together.append(np.zeros((3, 2)))


@pytest.mark.parametrize("detector", ["likelihood", "quantile", "z-score"])
def test_other_detectors_and_their_options_judge_as_well(pipe, waves, detector):
    options = {"detector": detector, "direction": "above", "interval_seconds": 60}
    watch = pipe.watch(waves[:, :PAST], "8/day", **options, persistence=2, combine="fisher", floor=1)
    assert all(one.value > one.high for alarm in watch.append(waves[:, PAST:]) for one in alarm.variates)


@pytest.mark.parametrize("detector", ["deviation", "quantile"])
def test_models_of_quantiles_watch_as_well(as_users_call, tiny2, waves, detector, tmp_path):
    pipe = TotoPipeline(tiny2)
    watch = pipe.watch(waves[:, :PAST], RATE, detector=detector)
    watch.save(tmp_path / "of.watch")
    for one in (watch, pipe.load_watch(tmp_path / "of.watch")):
        assert {230, 240} <= {alarm.time for alarm in one.append(waves[:, PAST:])}


def test_a_watch_goes_on_from_its_file(pipe, waves, tmp_path):
    frame = long(waves)
    place = frame.groupby("host").cumcount()
    options = {"id_column": "host", "time_column": "time", "cool_down": 3}
    watch = pipe.watch(frame[place < PAST], RATE, **options)
    watch.append(frame[(place >= PAST) & (place < 231)])  # in the middle of what is strange
    watch.save(tmp_path / "hosts.watch")
    again = pipe.load_watch(tmp_path / "hosts.watch")
    shown, expected = (one.append(frame[place >= 231]).to_frame() for one in (again, watch))
    pd.testing.assert_frame_equal(shown, expected, check_dtype=False)  # dates to 1 us
    shown, expected = (one.forecast(4, seed=0).to_frame() for one in (again, watch))
    pd.testing.assert_frame_equal(shown, expected, check_dtype=False)
    with pytest.raises(InputError, match="holds streams without names or a watch: load it with"):
        pipe.load_stream(tmp_path / "hosts.watch")
    pipe.stream(waves).save(tmp_path / "plain.stream")
    with pytest.raises(InputError, match="holds streams that nobody watched: begin with their values"):
        pipe.load_watch(tmp_path / "plain.stream")


def test_with_other_weights_what_is_usual_is_learnt_anew(
    as_users_call, pipe, waves, make_tiny, tmp_path, caplog
):
    pipe.watch(waves[:, :PAST], RATE, direction="above").save(tmp_path / "of.watch")
    assert pipe.load_watch(tmp_path / "of.watch").append(waves[:, PAST:]) is not None
    assert not caplog.records
    other = TotoPipeline(make_tiny(mlp_hidden_dim=64))
    again = other.load_watch(tmp_path / "of.watch").append(waves[:, PAST:]).to_frame()
    assert "of.watch was calibrated with another model: it is calibrated anew" in caplog.text
    expected = other.watch(waves[:, :PAST], RATE, direction="above").append(waves[:, PAST:]).to_frame()
    pd.testing.assert_frame_equal(again, expected, rtol=1e-4)


def test_the_state_of_the_command_is_not_that_of_a_watch_with_names(pipe, waves, tmp_path):
    pipe.watch(waves)._streams.save(tmp_path / "of.command")
    with pytest.raises(
        InputError, match="holds the state of toto watch: go on from it with toto watch --state"
    ):
        pipe.load_watch(tmp_path / "of.command")


def test_forecasts_are_those_of_the_whole_series(pipe, waves):
    frame = wide(waves)
    watch = pipe.watch(frame[:PAST], RATE)
    watch.append(frame[PAST:])
    shown, expected = (one.to_frame() for one in (watch.forecast(5, seed=0), pipe.forecast(frame, 5, seed=0)))
    pd.testing.assert_frame_equal(shown, expected, rtol=1e-6)


def test_gaps_are_missing_and_the_step_behind_one_is_not_judged(as_users_call, pipe, waves):
    frame = wide(waves).assign(load=lambda rows: rows["load"].where(rows.index != 205))
    watch = pipe.watch(frame[:PAST], RATE, multivariate=True)
    rows = frame[PAST:].drop(index=[210, 211])
    found = [watch.append(part).to_frame() for part in (rows[:8], rows[8:])]
    scores = pd.concat(found).query("variate == 'cpu'")["score"].isna().to_numpy()
    assert scores.nonzero()[0].tolist() == [10, 11, 12]


def test_a_huge_value_is_shown_as_it_came_and_does_not_blind(pipe, waves):
    waves[0, 210] = 1e30
    frame = wide(waves)
    watch = pipe.watch(frame[:PAST], RATE)
    late = frame[PAST - 2 : PAST].assign(cpu=1e20)
    alarms = watch.append(pd.concat([late, frame[PAST:]]), late="drop")
    values = [alarm.variates[0].value for alarm in alarms]
    assert 1e30 in values
    assert -100 in values
    shown = alarms.to_frame()
    assert shown["value"].tolist() == [*waves[0, PAST:], *waves[1, PAST:]]
    assert np.isfinite(shown[["score", "low", "high"]]).all(axis=None)
    assert watch.forecast(2, num_samples=2).median.isfinite().all()


def test_a_history_that_breaks_a_rule_is_named(pipe, waves):
    frame = wide(waves)
    for history, options, message in (
        (
            frame.assign(load=np.nan),
            {},
            "history must hold observed values of every series, got none of load",
        ),
        (
            frame[:20],
            {},
            "stream 'cpu': series must hold at least 20 observed steps behind its first quarter",
        ),
        (waves[0, :6], {}, "series must hold at least 20 observed steps behind its first quarter .* got 0"),
        (frame, {"detector": "oracle"}, "detector must be one of likelihood, .*, got 'oracle'"),
        (waves, {"false_alarms": "1/week"}, "interval_seconds must be the seconds of a step"),
        (frame, {"false_alarms": "often"}, "false_alarms must be a rate like"),
        (frame, {"context": 8}, "max_context must hold two patches"),
        (frame[["cpu"]], {}, "a stream of frames needs a column of times"),
    ):
        with pytest.raises(InputError, match=message):
            pipe.watch(history, **options)


def test_rows_that_do_not_fit_are_named_and_nothing_is_appended(pipe, waves):
    frame = wide(waves)
    watch = pipe.watch(frame[:PAST], RATE)
    for data, message in (
        (waves[:, PAST:], "data must be a data frame with a column of times, as the history was"),
        (frame[PAST - 1 :], "stream 'cpu': times must be later than the newest step"),
        (frame[PAST:].drop(columns="load"), "no column 'load'"),
    ):
        with pytest.raises(InputError, match=message):
            watch.append(data)
    assert repr(watch) == "SeriesWatch(2 series, 400 steps)"
