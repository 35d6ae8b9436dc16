import json
from dataclasses import replace

import numpy as np
import pytest

from toto import InputError, Toto, TotoPipeline
from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.inference.pipeline.fit_record import FitRecord

pd = pytest.importorskip("pandas")

HORIZON = 3
RECORD = FitRecord(
    Layout(columns=["y"]), Covariates(known=("x", "sky"), categories={"sky": ("clear", "rain")}), HORIZON, 16
)
TIMES = pd.date_range("2024-01-01", periods=30, freq="h")


def raises(message):
    return pytest.raises(InputError, match=message)


def frame(first=0, last=20, **columns):
    steps = np.arange(first, last)
    words = np.where(steps % 3 == 0, "rain", "clear")
    return pd.DataFrame(
        {"ds": TIMES[first:last], "y": np.sin(steps), "x": steps * 1.0, "sky": words} | columns
    )


@pytest.fixture
def pipe(make_tiny):
    """A pipeline with a tiny model that has labels, and a record of covariates."""
    toto = make_tiny()
    toto.model.enable_variate_labels()
    toto.config = toto.model.config = RECORD.into(toto.config)
    return TotoPipeline(toto)


def median(pipe, data, horizon=HORIZON, **options):
    return pipe.forecast(data, horizon, num_samples=2, seed=0, **options).median.numpy()


def test_the_record_lies_in_the_configuration_and_comes_back_from_a_file(pipe, tmp_path):
    assert pipe.record == FitRecord.from_dict(json.loads(json.dumps(pipe.record.to_dict())))
    pipe.save_pretrained(tmp_path)
    again = TotoPipeline.from_pretrained(tmp_path)
    assert again.record == pipe.record
    found = [median(one, frame(), future=frame(20, 23)) for one in (pipe, again)]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_model_without_a_record_has_none(tiny, tiny2):
    assert FitRecord.of(tiny.config) is None
    assert FitRecord.of(tiny2.config) is None


def test_columns_are_remembered_and_can_be_named_anew(pipe):
    expected = median(pipe, frame(), future=frame(20, 23))
    other = frame().rename(columns={"y": "z"})
    np.testing.assert_array_equal(median(pipe, other, columns="z", future=frame(20, 23)), expected)


def test_past_covariates_are_exogenous_and_only_the_past_of_them_is_read(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    record = replace(RECORD, covariates=Covariates(past=("x",)))
    toto.config = toto.model.config = record.into(toto.config)
    pipe = TotoPipeline(toto)
    data = frame()[["ds", "y", "x"]]
    long = median(pipe, data, 12)  # beyond a patch the last value of x stays
    assert long.shape == (1, 12)
    np.testing.assert_array_equal(median(pipe, data, 12), long)
    data.loc[10, "x"] += 50.0
    assert np.abs(median(pipe, data, 12) - long).max() > 1e-6


def test_a_frame_of_known_values_that_does_not_fit_is_an_error(pipe):
    with raises("future must be a frame with the known covariates x, sky in the 3 steps .* got None"):
        median(pipe, frame())
    with raises("future: no column 'sky', a known covariate; there are ds, x"):
        median(pipe, frame(), future=frame(20, 23)[["ds", "x"]])
    with raises("future: the covariates must be known at every one of the 3 steps .* 2024-01-01T22:00:00"):
        median(pipe, frame(), future=frame(20, 22))
    with raises("future, row 0, column sky: 'snow' is not among the words that the model was trained"):
        median(pipe, frame(), future=frame(20, 23, sky="snow"))
    with raises("horizon must be at most 3, for which the model was trained with known covariates, got 4"):
        median(pipe, frame(), 4, future=frame(20, 24))


@pytest.mark.parametrize(
    ("column", "value"), [("x", 99.0), ("x", np.nan), ("x", "none of it"), ("sky", "snow"), ("sky", None)]
)
def test_what_the_future_holds_beyond_the_horizon_and_before_its_end_is_not_read(pipe, column, value):
    expected = median(pipe, frame(), future=frame(20, 23))
    longer = frame(10, 30).astype({column: object})
    longer.loc[longer.index.isin([0, 9, 13, 19]), column] = value  # 0 and 9 lie in the history
    longer.loc[len(longer)] = longer.loc[18]  # a step beyond the horizon twice
    np.testing.assert_array_equal(median(pipe, frame(), future=longer), expected)
    longer.loc[12, column] = value
    if value == 99.0:
        assert np.abs(median(pipe, frame(), future=longer) - expected).max() > 1e-9
    else:
        with raises(r"no value for 2024-01-01T22|is not among the words|is not a number"):
            median(pipe, frame(), future=longer)


def test_columns_of_the_future_that_are_no_covariates_are_not_read(pipe):
    expected = median(pipe, frame(), future=frame(20, 23))
    beside = frame(20, 23, y="unknown yet", note="text", wind=np.nan)
    np.testing.assert_array_equal(median(pipe, frame(), future=beside), expected)


def test_a_history_that_does_not_fit_is_an_error(pipe):
    with raises("known: data frame has no column 'sky'; there are ds, y, x"):
        median(pipe, frame()[["ds", "y", "x"]], future=frame(20, 23))
    with raises("known: 'x' is a target"):
        median(pipe, frame(), columns=["x"], future=frame(20, 23))
    with raises("data must be a data frame: the model has covariates by name .x, sky., got ndarray"):
        median(pipe, np.zeros(30))
    with raises("data must be a data frame with time stamps, which calendar and holidays need, got ndarray"):
        replace(RECORD, covariates=Covariates(calendar=("hour",))).read(np.zeros(30), Layout(), None, 1)
    with raises("past_covariates are those that the model was trained with: leave them out, got sky"):
        median(pipe, frame(), past_covariates=["sky"], future=frame(20, 23))


def test_a_model_that_was_better_without_covariates_does_not_look_at_them(tiny):
    record = replace(RECORD, layout=Layout(), uses_covariates=False)
    tiny.config = tiny.model.config = record.into(tiny.config)
    pipe = TotoPipeline(tiny)
    expected = median(pipe, frame()[["ds", "y"]], 8)
    for data, future in ((frame(), frame(20, 21)), (frame(sky="snow", x=np.nan), None), (frame(), "none")):
        np.testing.assert_array_equal(median(pipe, data, 8, future=future), expected)
    np.testing.assert_array_equal(median(pipe, frame()["y"].to_numpy()[None], 8), expected)


def test_a_frame_of_known_values_without_known_covariates_is_an_error(tiny):
    tiny.config = tiny.model.config = FitRecord(Layout(columns=["y"])).into(tiny.config)
    with raises("future: the model was trained without known covariates: leave it out"):
        median(TotoPipeline(tiny), frame()[["ds", "y"]], future=frame(20, 23))


def test_a_damaged_record_is_an_error(tiny):
    config = replace(tiny.config, extra={"fine_tuning": {"layout": {}}})
    with raises("fine_tuning in the configuration of the model is damaged: KeyError"):
        FitRecord.of(config)


def test_distributions_read_the_covariates_too(pipe):
    found = pipe.predict_distribution(frame(), HORIZON, future=frame(20, 23))
    np.testing.assert_allclose(
        found.quantile(0.5).numpy(), median(pipe, frame(), future=frame(20, 23)), rtol=1e-4
    )


CALLS = {
    "score": lambda pipe, data: pipe.score(data),
    "stream": lambda pipe, data: pipe.stream(data),
    "predict": lambda pipe, data: pipe.predict(data["y"].to_numpy(), 1, num_samples=2),
    "predict_quantiles": lambda pipe, data: pipe.predict_quantiles(data["y"].to_numpy(), 1),
    "detect": lambda pipe, data: pipe.detect(data, "1/10 steps", clean=1.0),
}


def test_scores_and_detections_are_of_the_targets_of_training_and_leave_the_covariates(pipe):
    data = frame(0, 30)
    alone, beside = (pipe.score(one).to_frame() for one in (data[["ds", "y"]], data))
    pd.testing.assert_frame_equal(alone, beside)
    assert set(beside["variate"]) == {"y"}
    assert len(pipe.detect(data, "1/10 steps", clean=1.0)) == 1
    assert len(pipe.score(np.zeros((2, 30)))) == 2


@pytest.mark.parametrize("name", CALLS)
def test_what_reads_no_covariates_says_so_once(pipe, make_tiny, caplog, name):
    data = frame(0, 30)[["ds", "y"]]
    CALLS[name](pipe, data)
    assert caplog.text.count(f"trained with the covariates x, sky; {name} reads none of them") == 1
    caplog.clear()
    CALLS[name](TotoPipeline(make_tiny()), data)
    assert "covariates" not in caplog.text


def test_a_model_that_is_better_without_its_covariates_says_nothing(pipe, caplog):
    config = replace(RECORD, uses_covariates=False).into(pipe.model.config)
    FitRecord.note_unread(config, "score")
    assert caplog.text == ""


def test_models_of_published_files_ignore_the_record(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["fine_tuning"]["horizon"] == HORIZON
    assert Toto.from_pretrained(tmp_path).config.extra.keys() == {"fine_tuning"}
