"""Scores and detections of many series through a pipeline."""

import numpy as np
import pytest
import torch

from toto import InputError, TotoPipeline
from toto.anomaly import series_scores
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.score import score

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

STEPS, ODD = 240, 200


def values(seed: int, num_steps: int = STEPS) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=num_steps)
    return 20 * np.sin(np.arange(num_steps) / 5) + noise


def long_frame() -> "pd.DataFrame":
    """Three series of an hour's steps, one of them shorter; that of host b jumps at step 200."""
    parts = []
    for place, (name, length) in enumerate((("a", STEPS), ("b", STEPS), ("c", 180))):
        times = pd.date_range("2026-01-01", periods=length, freq="h")
        parts.append(pd.DataFrame({"host": name, "ds": times, "y": values(place, length)}))
    parts[1].loc[ODD, "y"] += 500
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def pipe(tiny):
    return TotoPipeline(tiny)


def test_every_series_is_scored_as_if_it_were_alone(pipe, monkeypatch):
    frame = long_frame()
    found = pipe.score(frame, id_column="host")
    assert repr(found) == f"SeriesScores(3 series, {2 * STEPS + 180} steps)"
    monkeypatch.setattr(series_scores, "_NUMBERS_AT_ONCE", 1)
    one_by_one = pipe.score(frame, id_column="host")
    for place, (name, rows) in enumerate(frame.groupby("host")):
        alone = score(pipe.model, rows["y"].to_numpy())
        for scores in (found[place], one_by_one[place]):
            torch.testing.assert_close(scores.log_prob, alone.log_prob, equal_nan=True)
        shown = found.to_frame().query(f"host == '{name}'")
        np.testing.assert_allclose(shown["log_prob"], alone.log_prob[0, 0], rtol=1e-6)
        assert shown["ds"].tolist() == rows["ds"].tolist()
        assert shown["value"].tolist() == rows["y"].tolist()
    assert [len(scores.values[0, 0]) for scores in found] == [STEPS, STEPS, 180]


def test_options_of_scores_reach_the_model_and_variates_can_see_each_other(pipe):
    pair = np.stack([values(0), values(1)])
    together = pipe.score(pair, multivariate=True, max_steps_ahead=4, context=64, coverage=0.5)
    (found,) = together
    expected = score(pipe.model, pair, max_steps_ahead=4, context_length=64, coverage=0.5)
    torch.testing.assert_close(found.low, expected.low, equal_nan=True)
    assert len(pipe.score(pair)) == 2
    frame = together.to_frame()
    assert frame.columns[:4].tolist() == ["step", "variate", "value", "steps_ahead"]
    assert frame["variate"].unique().tolist() == ["variate 0", "variate 1"]


@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_events_of_many_series_say_which_and_when(pipe, make):
    frame = long_frame()
    found = pipe.detect(make(frame), "1/week", id_column="host", clean=0.75, detector="deviation")
    events = found.events
    assert isinstance(events, type(make(frame)))
    events = events if isinstance(events, pd.DataFrame) else events.to_pandas()
    (worst,) = events.nlargest(1, "severity").to_dict("records")
    odd = frame[frame["host"] == "b"].iloc[ODD]
    assert worst["host"] == worst["variates"] == "b"
    assert worst["start"] == odd["ds"]
    assert worst["value"] == odd["y"] > worst["expected_high"]
    assert not worst["in_clean_part"]
    assert repr(found) == f"SeriesDetection(3 series, {len(events)} events)"
    steps = found.to_frame()
    steps = steps if isinstance(steps, pd.DataFrame) else steps.to_pandas()
    at = steps[(steps["host"] == "b") & (steps["ds"] == odd["ds"])].iloc[0]
    assert at["is_anomaly"]
    assert at["score"] == pytest.approx(worst["severity"])
    assert at["score"] > at["threshold"]


@pytest.mark.parametrize("kind", list(DETECTORS))
def test_a_detection_is_that_of_its_detector(pipe, kind):
    pair = np.stack([values(0), values(1)])
    options = {"combine": "fisher", "direction": "above", "persistence": 2, "cool_down": 3, "floor": 0.1}
    found = pipe.detect(pair, "1/day", detector=kind, interval_seconds=600, multivariate=True, **options)
    expected = DETECTORS[kind](pipe.model, "1/day", interval_seconds=600, **options)
    np.testing.assert_allclose(found[0].scores, expected.fit_detect(pair, STEPS // 2).scores)
    again = found.detectors[0].detect(pair)
    np.testing.assert_allclose(again.scores, found[0].scores)
    assert len(found.events) == len(found[0].events)


def test_a_detection_is_drawn_with_names_and_times(pipe):
    pytest.importorskip("matplotlib")
    wide = long_frame().pivot(index="ds", columns="host", values="y")[["a", "b"]]
    figure = pipe.detect(wide, multivariate=True).plot(title="hosts")
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["a", "b", "score"]
    apart = pipe.detect(wide)
    assert [axis.get_title(loc="left") for axis in apart.plot(1).axes] == ["b", "score"]
    with pytest.raises(InputError, match=r"place must say which of 2 series to draw, .* severe event, 1\)"):
        apart.plot()
    with pytest.raises(InputError, match="place must be that of one of 2 series, from 0, got 2"):
        apart.plot(2)


@pytest.mark.usefixtures("as_users_call")
def test_a_place_that_is_no_number_is_named(pipe):
    found = pipe.detect(long_frame().pivot(index="ds", columns="host", values="y")[["a", "b"]])
    with pytest.raises(InputError, match="place must be that of one of 2 series, from 0, got 'a'"):
        found.plot("a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "oracle"}, "detector must be one of likelihood, .*, got 'oracle'"),
        ({"clean": 0}, "clean must be a share of the history, above 0 and up to 1, got 0"),
        ({"clean": 0.05}, "^a: series must hold at least 20 observed steps"),
        ({"past_covariates": ["y"]}, "past_covariates are for forecasts: let the columns see each other"),
        ({"false_alarms": "often"}, "false_alarms must be a rate like"),
    ],
)
def test_arguments_that_break_a_rule_are_named(pipe, options, message):
    with pytest.raises(InputError, match=message):
        pipe.detect(long_frame(), id_column="host", **options)
