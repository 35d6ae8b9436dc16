import json

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries, Toto, TotoForecaster
from toto.anomaly.detectors import DETECTORS, LikelihoodDetector, QuantileDetector, load_detector

KINDS = pytest.mark.parametrize("kind", list(DETECTORS))


def waves(num_steps: int = 400, seed: int = 0) -> np.ndarray:
    """Two variates of very different units with noise."""
    steps, noise = np.arange(num_steps), np.random.default_rng(seed).normal(size=(2, num_steps))
    return np.stack([500 + 20 * np.sin(steps / 5), 1e-3 * np.cos(steps / 8)]) + noise * [[2.0], [1e-4]]


def with_anomaly(at: int = 350) -> np.ndarray:
    values = waves()
    values[1, at : at + 3] += 5e-3
    return values


@pytest.fixture(scope="module")
def nano() -> Toto:
    return Toto.from_pretrained("toto-nano")


@KINDS
def test_an_anomaly_in_one_variate_is_found_and_the_variate_is_blamed(nano, kind):
    detector = DETECTORS[kind](nano, "1/200 steps")
    found = detector.fit_detect(with_anomaly(), 300)
    worst = max(found.events, key=lambda event: event.severity)
    assert worst.start == worst.alarm == 350
    assert worst.end <= 370
    assert worst.variates[0] == 1
    assert worst.value == pytest.approx(with_anomaly()[1, worst.peak])
    assert worst.value > worst.high > worst.low
    assert worst.severity > found.thresholds[0] + 1
    assert found.is_anomaly[0, 350]
    assert found.scores.shape == (1, 400)
    assert np.isnan(found.scores[:, :32]).all()
    np.testing.assert_allclose(found.values, with_anomaly())
    inside = (found.values >= found.low) & (found.values <= found.high)
    assert inside[:, 32:340].mean() > 0.8


@KINDS
def test_fitting_and_detecting_in_one_pass_is_the_same(tiny, kind):
    values, options = with_anomaly(), {"max_steps_ahead": 4, "persistence": 2, "cool_down": 3}
    one, two = (DETECTORS[kind](tiny, 0.02, **options) for _ in range(2))
    together = one.fit_detect(values, 200)
    apart = two.fit(values[:, :200]).detect(values)
    np.testing.assert_allclose(together.scores, apart.scores, rtol=1e-6, atol=1e-6)
    assert [event.alarm for event in together.events] == [event.alarm for event in apart.events]


def test_units_do_not_matter(tiny):
    values = with_anomaly()
    plain = LikelihoodDetector(tiny).fit_detect(values, 300)
    moved = LikelihoodDetector(tiny).fit_detect(1e-3 * values - 7, 300)
    np.testing.assert_allclose(moved.scores, plain.scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(1e3 * (moved.low + 7), plain.low, rtol=1e-4, atol=1e-4)


@KINDS
def test_a_saved_detector_finds_the_same(tiny, tmp_path, kind):
    values = with_anomaly()
    detector = DETECTORS[kind](
        tiny, "1/50 steps", combine="fisher", direction="above", floor=1e-4, coverage=0.9
    )
    before = detector.fit(values[:, :300]).detect(values)
    detector.save(tmp_path / "detector.json")
    loaded = load_detector(tmp_path / "detector.json", TotoForecaster(tiny))
    assert type(loaded) is type(detector)
    after = loaded.detect(values)
    assert after.events == before.events
    np.testing.assert_array_equal(after.scores, before.scores)


def test_a_detector_loaded_with_other_weights_warns_until_it_is_fitted_anew(make_tiny, tmp_path, caplog):
    path, model, other = tmp_path / "detector.json", make_tiny(), make_tiny()
    with torch.no_grad():
        next(iter(other.parameters())).add_(0.1)
    LikelihoodDetector(model).fit(waves()).save(path)
    for same in (model, make_tiny().float(), TotoForecaster(model)):
        load_detector(path, same)
    assert not caplog.messages
    loaded = load_detector(path, other)
    assert "fitted with other weights than those of this model" in caplog.text
    assert "fit it anew" in caplog.text
    caplog.clear()
    loaded.save(path)  # what was learnt is still of the first weights
    load_detector(path, other)
    assert len(caplog.messages) == 1
    caplog.clear()
    loaded.fit(waves()).save(path)
    load_detector(path, other)
    assert not caplog.messages


def test_files_that_are_no_detectors_are_named(tiny, tmp_path):
    path = tmp_path / "detector.json"
    with pytest.raises(InputError, match="no such file; save a fitted detector there first"):
        load_detector(path, tiny)
    LikelihoodDetector(tiny).fit(waves()).save(path)
    for change in ({"version": 99}, {"version": 1}, {"kind": "crystal ball"}, {"calibration": {}}):
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(InputError, match="not a detector that this version of toto wrote"):
            load_detector(path, tiny)
    path.write_text("no json")
    with pytest.raises(InputError, match="not a detector that this version of toto wrote"):
        load_detector(path, tiny)


def test_groups_have_scores_and_events_of_their_own(tiny):
    values = np.concatenate([waves(), waves(seed=1)])
    values[2, 350] += 500
    inputs = MaskedTimeseries.from_array(values, None, [7, 7, 3, 3])
    found = LikelihoodDetector(tiny, 0.02).fit_detect(inputs, 300)
    assert found.groups.tolist() == [1, 1, 0, 0]
    assert found.scores.shape == (2, 400)
    assert found.scores[0, 350] > 3 > found.scores[1, 350]
    alone = LikelihoodDetector(tiny, 0.01).fit_detect(values[2:], 300)
    np.testing.assert_allclose(found.scores[0], alone.scores[0], rtol=1e-6, atol=1e-6)
    assert found.thresholds[0] == pytest.approx(alone.thresholds[0])  # the rate is shared among the groups


def test_only_the_direction_asked_for_is_an_anomaly(nano):
    values = waves()
    values[0, 320] += 60
    values[0, 360] -= 60
    starts = {}
    for direction in ("both", "above", "below"):
        found = LikelihoodDetector(nano, "1/200 steps", direction=direction).fit_detect(values, 300)
        starts[direction] = {event.start for event in found.events} & {320, 360}
    assert starts == {"above": {320}, "below": {360}, "both": {320, 360}}


@KINDS
def test_a_constant_history_is_quiet_and_its_end_is_found(nano, kind):
    values = np.full(300, 5.0)
    detector = DETECTORS[kind](nano, "1/100 steps").fit(values[:200])
    assert detector.detect(values).events == ()
    values[250] = 5.4
    found = detector.detect(values).events
    assert found[0].start == 250
    assert detector.calibration.units[0].floor == pytest.approx(5e-4)


@KINDS
@pytest.mark.parametrize("first", [1.0, 3e5])
def test_the_first_error_after_none_is_found(nano, kind, first):
    values = np.zeros(300)
    values[250] = first
    found = DETECTORS[kind](nano, "1/100 steps").fit_detect(values, 200)
    assert [event.start for event in found.events] == [250]


def test_small_deviations_do_not_count_below_the_floor(nano):
    values = np.full(300, 5.0)
    values[250] = 5.4
    assert LikelihoodDetector(nano, "1/100 steps", floor=0.5).fit_detect(values, 200).events == ()


def test_missing_values_are_no_anomalies_and_have_no_score(nano):
    values = waves()
    values[:, 340:345] = np.nan
    values[0, 360:] = np.nan
    found = LikelihoodDetector(nano, "1/200 steps").fit_detect(values, 300)
    assert np.isnan(found.scores[0, 340:345]).all()
    assert np.isfinite(found.scores[0, 360:]).all()
    assert not found.is_anomaly[0, 340:345].any()


def test_clean_data_alarms_at_about_the_wanted_rate(nano):
    events = 0
    for seed in range(6):
        found = LikelihoodDetector(nano, "1/100 steps").fit_detect(waves(2400, seed), 1200)
        events += sum(event.alarm >= 1200 for event in found.events)
    assert 30 <= events <= 140  # asked: 72


def test_times_are_kept_and_must_ascend(tiny):
    values, times = with_anomaly(), np.datetime64("2026-01-01") + np.arange(400) * np.timedelta64(60, "s")
    detector = QuantileDetector(tiny, "1/hour", interval_seconds=60).fit(values)
    found = detector.detect(values, times)
    assert found.time(3) == times[3]
    assert detector.detect(values).time(3) == 3
    times[[10, 11]] = times[[11, 10]]
    with pytest.raises(
        InputError, match="times must ascend, got 2026-01-01T00:10:00 after 2026-01-01T00:11:00"
    ):
        detector.detect(values, times)
    with pytest.raises(InputError, match=r"times must hold a stamp for each of 400 steps, got shape \(3,\)"):
        detector.detect(values, times[:3])


def test_a_batch_of_one_is_a_series(tiny):
    one = LikelihoodDetector(tiny).fit(torch.from_numpy(waves())[None])
    assert repr(one.detect(waves())).startswith("Detection([variates, time] = [2, 400], ")


def test_wrong_uses_are_named(tiny):
    detector, values = LikelihoodDetector(tiny), waves()
    with pytest.raises(
        InputError, match="the detector is not fitted: call fit with a stretch without anomalies"
    ):
        detector.detect(values)
    with pytest.raises(InputError, match="the detector is not fitted"):
        detector.save("detector.json")
    missing = values.copy()
    missing[1] = np.nan
    with pytest.raises(
        InputError, match="observed values of every variate, got none of variate 1: leave it out"
    ):
        detector.fit(missing)
    with pytest.raises(
        InputError, match="at least 20 observed steps behind its first quarter to calibrate on, got 2"
    ):
        detector.fit(values[:, :10])
    with pytest.raises(
        InputError, match=r"series must be one series, \[time\] or \[variates, time\], got shape"
    ):
        detector.fit(np.stack([values, values]))
    with pytest.raises(InputError, match="num_clean must be at most the 400 steps of series, got 401"):
        detector.fit_detect(values, 401)
    detector.fit(values)
    with pytest.raises(
        InputError, match="series must have the 2 variates that the detector was fitted on, got 1"
    ):
        detector.detect(values[:1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"combine": "vote"}, "combine must be one of simes, fisher, got 'vote'"),
        ({"direction": "up"}, "direction must be one of both, above, below, got 'up'"),
        ({"persistence": 0}, "persistence must be a whole number of at least 1, got 0"),
        ({"cool_down": -1}, "cool_down must be a whole number of at least 0, got -1"),
        ({"floor": -1.0}, "floor must be at least 0, in the units of the series, got -1.0"),
        ({"false_alarms": "1/week"}, "interval_seconds must be the seconds of a step"),
    ],
)
def test_options_that_break_a_rule_are_named(tiny, options, message):
    with pytest.raises(InputError, match=message):
        LikelihoodDetector(tiny, **options)
