"""What detectors refuse, with the message of each, and what they take although it looks wrong."""

import json
from datetime import datetime

import numpy as np
import pytest

from toto import InputError, TotoPipeline
from toto.anomaly.detectors import LikelihoodDetector, load_detector
from toto.anomaly.score import score

STEPS = 120


def noise(variates: int = 2, num_steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(variates, num_steps))


def one_missing() -> np.ndarray:
    return np.where([[False], [True]], np.nan, noise())


@pytest.fixture
def fitted(tiny):
    return LikelihoodDetector(tiny, 0.01).fit(noise())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda detector: LikelihoodDetector(detector.model).detect(noise()),
            "the detector is not fitted: call fit with a stretch without anomalies first",
        ),
        (
            lambda detector: detector.fit(one_missing()),
            "series must hold observed values of every variate, got none of variate 1: leave it out",
        ),
        (
            lambda detector: detector.fit(noise(num_steps=10)),
            "series must hold at least 20 observed steps behind its first quarter to calibrate on, got 2: "
            "fit on a longer clean stretch",
        ),
        (
            lambda detector: detector.detect(noise(1)),
            "series must have the 2 variates that the detector was fitted on, got 1",
        ),
        (
            lambda detector: detector.detect(noise(), [0, 1, 4, 3, *range(5, STEPS + 1)]),
            "times must ascend, got 3 after 4 at step 3: sort the steps, and keep one of each time",
        ),
        (
            lambda detector: detector.detect(noise(), [0.0, np.nan, *range(2, STEPS)]),
            "times must be known of all steps, got nan at step 1: give it, or leave the step out",
        ),
        (
            lambda detector: detector.detect(noise(), np.array(["2024-01-01", "NaT"] * 60, "M8[D]")),
            "times must be known of all steps, got NaT at step 1: give it, or leave the step out",
        ),
        (
            lambda detector: detector.detect(noise(), [*range(STEPS - 1), None]),
            "times must be known of all steps, got None at step 119: give it, or leave the step out",
        ),
        (
            lambda detector: detector.detect(noise(), [*range(STEPS - 1), datetime(2024, 1, 1)]),
            "times must be of one kind, to be put in order: '>' not supported between instances "
            "of 'datetime.datetime' and 'int'",
        ),
        (
            lambda detector: detector.detect(noise(), [np.zeros(2)] * STEPS),
            "times must hold a stamp for each of 120 steps, got shape (120, 2)",
        ),
        (
            lambda detector: score(detector.model, noise(), shown=noise(num_steps=60)),
            "shown must have the shape of series, (1, 2, 120) as [batch, variates, time], got (1, 2, 60)",
        ),
        (
            lambda detector: LikelihoodDetector(detector.model, "often"),
            'false_alarms must be a rate like "1/week", "2/day" or "1/5000 steps", got \'often\'',
        ),
        (
            lambda detector: TotoPipeline(detector.model).detect(noise(), "1/week"),
            "interval_seconds must be the seconds of a step for false_alarms='1/week', got None: give it, or "
            "a rate per steps like 1/5000 steps",
        ),
    ],
    ids=[
        "unfitted",
        "all missing",
        "too short",
        "other variates",
        "times",
        "time NaN",
        "time NaT",
        "time None",
        "dates and numbers",
        "times of two axes",
        "shown",
        "no rate",
        "no interval",
    ],
)
def test_bad_input_is_refused_with_a_message_that_says_what_to_do(fitted, call, message):
    with pytest.raises(InputError) as error:
        call(fitted)
    assert str(error.value) == message


def test_a_constant_history_is_fine_and_its_first_other_value_is_an_event(tiny):
    constant = np.full((1, STEPS), 7.0)
    detector = LikelihoodDetector(tiny, 0.01).fit(constant)
    assert detector.detect(constant).events == ()
    constant[0, 100] = 9.0
    assert [event.start for event in detector.detect(constant).events] == [100]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"false_alarms": None}, "false_alarms must be a rate like .*, or a number, got None"),
        ({"false_alarms": [1]}, r"false_alarms must be a rate like .*, or a number, got \[1\]"),
        ({"false_alarms": "1/week", "interval_seconds": "60"}, "interval_seconds must be .*, got '60'"),
        ({"clean": "0.5"}, "clean must be a share of the history, above 0 and up to 1, got '0.5'"),
        ({"floor": "a"}, "floor must be at least 0, in the units of the series, got 'a'"),
        ({"combine": ["simes"]}, r"combine must be one of simes, fisher, got \['simes'\]"),
        ({"detector": ["likelihood"]}, r"detector must be one of likelihood, .*, got \['likelihood'\]"),
    ],
)
@pytest.mark.usefixtures("as_users_call")
def test_options_of_another_type_are_refused_as_others_are(tiny, options, message):
    with pytest.raises(InputError, match=message):
        TotoPipeline(tiny).detect(noise(), **options)


def test_a_column_without_values_is_called_by_its_name(tiny):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"time": range(STEPS), "cpu": noise()[0], "disk": [np.nan] * STEPS})
    with pytest.raises(InputError, match=r"values in the first 60 steps, .* got none of disk: leave it out"):
        TotoPipeline(tiny).detect(frame, 0.01, multivariate=True)


def test_places_where_no_detector_is_or_can_be_are_named(fitted, tmp_path):
    with pytest.raises(InputError, match=r"d.json: the detector cannot be written there"):
        fitted.save(tmp_path / "absent" / "d.json")
    with pytest.raises(InputError, match="cannot be read as a file of a detector"):
        load_detector(tmp_path, fitted.model)


@pytest.mark.usefixtures("as_users_call")
def test_a_floor_of_numpy_is_saved(tiny, tmp_path):
    detector = LikelihoodDetector(tiny, 0.01, floor=np.float32(0.5)).fit(noise())
    detector.save(tmp_path / "d.json")
    assert load_detector(tmp_path / "d.json", tiny).floor == 0.5


def test_times_that_are_no_array_are_refused(fitted):
    with pytest.raises(InputError, match=r"times must be dates or numbers, got \[\[1\], \[1, 2\]\]: "):
        fitted.detect(noise(), [[1], [1, 2]])


@pytest.mark.parametrize("coverage", ["a", None, 1, 0.0, np.nan, [0.9]])
@pytest.mark.usefixtures("as_users_call")
def test_a_coverage_that_is_no_probability_is_refused_at_once(tiny, coverage):
    for call in (
        lambda: LikelihoodDetector(tiny, coverage=coverage),
        lambda: score(tiny, noise(), coverage=coverage),
        lambda: TotoPipeline(tiny).score(noise(), coverage=coverage),
    ):
        with pytest.raises(InputError, match="coverage must be a probability between 0 and 1, got"):
            call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda learned: learned.update(thresholds=["high"]), r"thresholds must be numbers, got \['high'\]"),
        (
            lambda learned: learned.update(thresholds=[float("nan")]),
            r"thresholds must be numbers, got \[nan\]",
        ),
        (lambda learned: learned.update(thresholds=[]), r"for each group, got 2, 2, 2 and 0"),
        (lambda learned: learned.update(tails=[]), r"one for each variate, .* got 2, 0, 2 and 1"),
        (lambda learned: learned.update(group_ids=[float("inf"), 0]), "OverflowError"),
        (lambda learned: learned["units"][0].pop(), "TypeError"),
        (
            lambda learned: learned["tails"][0].update(scale="x"),
            "log10_beyond, scale, num_values must be numb",
        ),
        (lambda learned: learned["tails"][0]["levels"].pop(), "levels must have a share each, got"),
    ],
)
def test_a_file_whose_numbers_are_damaged_is_refused_as_it_is_loaded(fitted, tmp_path, change, message):
    path = tmp_path / "d.json"
    fitted.save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content["calibration"])
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=rf"d.json: not a detector that .* wrote .*{message}"):
        load_detector(path, fitted.model)
