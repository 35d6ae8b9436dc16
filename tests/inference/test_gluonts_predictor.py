"""The GluonTS predictor: the forecasts of `TotoForecaster`, for datasets, evaluations and files."""

import json
import re
import warnings

import numpy as np
import pytest
import torch

from toto import CheckpointError, InputError, MaskedTimeseries, TotoForecaster

pytest.importorskip("gluonts")
from gluonts.dataset.common import ListDataset
from gluonts.dataset.split import split
from gluonts.ev.metrics import MSE, MeanWeightedSumQuantileLoss
from gluonts.evaluation import make_evaluation_predictions
from gluonts.model import evaluate_forecasts, evaluate_model
from gluonts.model.predictor import Predictor
from pandas import DataFrame, Period

from toto.inference.gluonts_predictor import (
    Multivariate,
    TotoPredictor,
    TotoSampleForecast,
    TotoSampleForecastGenerator,  # noqa: F401 (published code takes it from here)
)

START = Period("2024-01-01", freq="h")
HORIZON, CONTEXT, SAMPLES = 12, 40, 5


def walk(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).cumsum(-1)


def with_gaps(values: np.ndarray) -> np.ndarray:
    values[..., -9:-4] = np.nan
    values[..., 0] = np.nan
    return values


def some_dataset() -> list[dict]:
    """Missing values, several lengths, shorter and longer than the context, most without a name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Period with BDay freq", FutureWarning)
        business_day = Period("2023-05-01", freq="B")
    return [
        {"target": with_gaps(walk(3, 60)), "start": business_day},
        {"target": walk(40, seed=1), "start": START, "item_id": "load"},
        {"target": with_gaps(walk(3, 23, seed=2)), "start": business_day},
        {"target": with_gaps(walk(40, seed=3)), "start": Period("1700-01", freq="M")},
        {"target": walk(1, 40, seed=4).astype(np.float32), "start": START},
        {"target": walk(6, seed=5), "start": Period("2024-01-01", freq="D")},
    ]


def predictor_of(model, **options) -> TotoPredictor:
    return TotoPredictor.create_for_eval(model, HORIZON, CONTEXT, **{"seed": 1} | options)


def paths_of(forecasts) -> list[np.ndarray]:
    return [forecast.samples for forecast in forecasts]


def assert_same(found, expected, rtol=1e-9):
    found, expected = paths_of(found), paths_of(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def test_forecasts_are_those_of_the_forecaster_on_the_same_series(tiny):
    dataset = some_dataset()
    found = list(predictor_of(tiny).predict(dataset, num_samples=SAMPLES))
    series = [item["target"][..., -CONTEXT:] for item in dataset]
    expected = TotoForecaster(tiny).forecast(series, HORIZON, SAMPLES, seed=1)
    assert [forecast.item_id for forecast in found] == [None, "load", None, None, None, None]
    for item, forecast, same in zip(dataset, found, expected, strict=True):
        samples, quantile = same.samples[0].permute(2, 1, 0), same.quantile(0.7)[0].T
        if item["target"].ndim == 1:
            samples, quantile = samples[..., 0], quantile[..., 0]
        np.testing.assert_array_equal(forecast.samples, samples)
        np.testing.assert_array_equal(forecast.quantile(0.7), quantile)


def test_a_missing_value_is_masked_not_zero(tiny):
    target = walk(2, CONTEXT) + 50
    observed = np.ones(target.shape, bool)
    observed[0, 7:15] = observed[1, -3:] = False
    series = MaskedTimeseries.from_array(target, observed=observed)
    (expected,) = TotoForecaster(tiny).forecast([series], HORIZON, SAMPLES, seed=1)
    item = {"target": np.where(observed, target, np.nan), "start": START}
    (found,) = predictor_of(tiny).predict([item], num_samples=SAMPLES)
    np.testing.assert_array_equal(found.samples, expected.samples[0].permute(2, 1, 0))
    (with_zeros,) = predictor_of(tiny).predict([item | {"target": np.where(observed, target, 0)}], SAMPLES)
    assert not np.allclose(found.samples, with_zeros.samples)


def test_univariate_items_do_not_see_each_other(tiny):
    first, other = ({"target": walk(40, seed=seed), "start": START} for seed in (0, 1))
    alone, *_ = predictor_of(tiny).predict([first], SAMPLES)
    beside, *_ = predictor_of(tiny).predict([first, other, other], SAMPLES)
    np.testing.assert_allclose(beside.samples, alone.samples, rtol=1e-9)


@pytest.mark.parametrize(("batch_size", "samples_per_batch"), [(1, 3), (2, "auto"), (6, 5), ("auto", 1)])
def test_batches_change_nothing(tiny, batch_size, samples_per_batch):
    expected = predictor_of(tiny).predict(some_dataset(), SAMPLES)
    predictor = predictor_of(tiny, mode=Multivariate(batch_size), samples_per_batch=samples_per_batch)
    assert_same(predictor.predict(some_dataset(), SAMPLES), expected)


def test_calls_of_published_code_give_the_same(tiny):
    item = some_dataset()[0]
    expected = predictor_of(tiny).predict([item], SAMPLES)
    mode = Multivariate(batch_size=16)
    predictor = TotoPredictor.create_for_eval(tiny, HORIZON, CONTEXT, mode, samples_per_batch=5, seed=1)
    assert_same(predictor.predict([item], num_samples=SAMPLES, use_kv_cache=False, eval=False), expected)


def test_little_memory_makes_batches_smaller_and_changes_nothing(tiny, monkeypatch):
    expected = predictor_of(tiny).predict(some_dataset(), SAMPLES)
    monkeypatch.setattr("toto.inference.gluonts_predictor.memory_budget", lambda device: 1)
    read = []
    dataset = (read.append(place) or item for place, item in enumerate(some_dataset()))
    forecasts = predictor_of(tiny).predict(dataset, SAMPLES)
    first = next(forecasts)
    assert read == [0]
    assert_same([first, *forecasts], expected)


def test_a_generator_is_read_as_far_as_its_forecasts_are_asked_for(tiny):
    read = []
    dataset = (read.append(place) or item for place, item in enumerate(some_dataset()))
    forecasts = predictor_of(tiny, mode=Multivariate(batch_size=2)).predict(dataset, SAMPLES)
    assert read == []
    next(forecasts)
    assert read == [0, 1]
    assert len(list(forecasts)) == 5


def test_an_empty_dataset_has_no_forecasts(tiny):
    assert list(predictor_of(tiny).predict([])) == []


def test_paths_are_repeated_by_the_seed_or_by_the_global_state(tiny):
    dataset = some_dataset()[:2]
    seeded, unseeded = predictor_of(tiny), predictor_of(tiny, seed=None)
    assert_same(seeded.predict(dataset, SAMPLES), seeded.predict(dataset, SAMPLES), 0)
    torch.manual_seed(3)
    first, second = (list(unseeded.predict(dataset, SAMPLES)) for _ in range(2))
    torch.manual_seed(3)
    assert_same(unseeded.predict(dataset, SAMPLES), first, 0)
    assert not np.allclose(first[0].samples, second[0].samples)


def test_items_with_equal_values_have_paths_of_their_own(tiny):
    item = {"target": walk(40), "start": START}
    first, second = predictor_of(tiny).predict([item, item], SAMPLES)
    assert not np.allclose(first.samples, second.samples)


def test_the_number_of_samples_is_that_of_the_call_or_of_the_predictor(tiny):
    (item,) = some_dataset()[1:2]
    number = [f.num_samples for f in predictor_of(tiny).predict([item])]
    number += [f.num_samples for f in predictor_of(tiny, num_samples=7).predict([item])]
    number += [f.num_samples for f in predictor_of(tiny, num_samples=7).predict([item], num_samples=2)]
    assert number == [256, 7, 2]


def test_without_samples_the_mean_path_is_the_one_sample(tiny):
    (item,) = some_dataset()[1:2]
    (found,) = predictor_of(tiny, num_samples=None).predict([item])
    (expected,) = TotoForecaster(tiny).forecast([item["target"]], HORIZON)
    np.testing.assert_array_equal(found.samples, expected.mean[0])
    np.testing.assert_array_equal(found.mean, expected.mean[0, 0])


def test_the_distribution_can_give_the_quantiles(tiny):
    dataset = some_dataset()[:2]
    options = {"keep_distribution": True, "variance_reduction": True}
    found = list(predictor_of(tiny, **options).predict(dataset, SAMPLES))
    series = [item["target"][..., -CONTEXT:] for item in dataset]
    expected = TotoForecaster(tiny).forecast(series, HORIZON, SAMPLES, seed=1, **options)
    np.testing.assert_array_equal(found[0].quantile(0.9), expected[0].distribution.quantile(0.9)[0].T)
    np.testing.assert_array_equal(found[1].mean, expected[1].distribution.mean[0, 0])


def test_variates_without_values_are_forecast_with_a_line_in_the_log_and_no_warning(tiny, caplog):
    dataset = [{"target": np.full(20, np.nan), "start": START}, {"target": walk(20), "start": START}]
    found = list(predictor_of(tiny).predict(dataset, SAMPLES))
    assert np.isfinite(found[0].samples).all()
    assert "1 variates hold no real value" in caplog.text


def test_it_is_silent_unless_a_progress_bar_is_asked_for(tiny, capfd):
    list(predictor_of(tiny).predict(some_dataset(), SAMPLES))
    assert capfd.readouterr() == ("", "")
    list(predictor_of(tiny).predict(some_dataset(), SAMPLES, progress=True))
    assert "6/6" in capfd.readouterr().err
    list(predictor_of(tiny).predict(iter(some_dataset()), SAMPLES, progress=True))
    assert "6item" in capfd.readouterr().err


@pytest.mark.parametrize("variates", [None, 3])
def test_evaluations_of_gluonts_take_model_and_forecasts(tiny, variates):
    series = [walk(*([variates] if variates else []), 70, seed=seed) for seed in range(3)]
    series[1][..., 5:9] = np.nan
    entries = [{"target": values, "start": START} for values in series]
    dataset = ListDataset(entries, freq="h", one_dim_target=variates is None)
    _, template = split(dataset, offset=-2 * HORIZON)
    test_data = template.generate_instances(HORIZON, windows=2)
    options = {"test_data": test_data, "seasonality": 1}
    options["metrics"] = [MSE("mean"), MeanWeightedSumQuantileLoss(quantile_levels=[0.1, 0.5, 0.9])]
    predictor = predictor_of(tiny, num_samples=SAMPLES)
    by_model = evaluate_model(predictor, **options)
    by_forecasts = evaluate_forecasts(predictor.predict(test_data.input), **options)
    assert by_model.equals(by_forecasts)
    errors = [
        (label["target"].T - forecast.mean) ** 2
        for label, forecast in zip(test_data.label, predictor.predict(test_data.input), strict=True)
    ]
    np.testing.assert_allclose(by_model["MSE[mean]"], np.mean(errors), rtol=1e-6)
    assert 0 < by_model["mean_weighted_sum_quantile_loss"].item() < 10


def test_the_older_evaluation_of_gluonts_takes_it_too(tiny):
    dataset = ListDataset([{"target": walk(60), "start": START}], freq="h")
    forecasts, series = make_evaluation_predictions(dataset, predictor_of(tiny), num_samples=SAMPLES)
    (forecast,), (target,) = list(forecasts), list(series)
    assert isinstance(forecast, TotoSampleForecast)
    assert forecast.num_samples == SAMPLES
    assert forecast.start_date == target.index[-HORIZON]


@pytest.mark.parametrize("part", ["whole", "backbone"])
def test_a_predictor_comes_back_from_its_files_without_pickle(tiny, tmp_path, part):
    model = tiny.float()
    options = {"mode": Multivariate(np.int64(3)), "samples_per_batch": 2, "num_samples": 4}
    options |= {"seed": np.int64(1), "variance_reduction": True}
    before = predictor_of(model if part == "whole" else model.model, **options)
    before.serialize(tmp_path / "saved")
    files = [file for file in (tmp_path / "saved").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".safetensors"}
    after = Predictor.deserialize(tmp_path / "saved")
    assert isinstance(after, TotoPredictor)
    assert (after.mode, after.prediction_length, after.seed) == (Multivariate(3), HORIZON, 1)
    assert_same(after.predict(some_dataset()), before.predict(some_dataset()), 0)


@pytest.mark.parametrize("precision", ["bfloat16", "float64"])
def test_files_keep_the_precision(tiny, tmp_path, precision):
    before = predictor_of(tiny.set_precision(precision))
    before.serialize(tmp_path)
    after = TotoPredictor.deserialize(tmp_path)
    dtypes = [[w.dtype for w in p.forecaster.model.parameters()] for p in (before, after)]
    assert dtypes[0] == dtypes[1]


def test_files_that_hold_no_predictor_say_so(tiny, tmp_path):
    with pytest.raises(CheckpointError, match="holds no TotoPredictor that can be read: FileNotFoundError"):
        TotoPredictor.deserialize(tmp_path)
    predictor_of(tiny).serialize(tmp_path)
    file = tmp_path / "predictor.json"
    settings = json.loads(file.read_text())
    wrong = [json.dumps(settings | change) for change in ({"context_length": 0}, {"unknown": 1})]
    for text in ["[1", "[1]", "{}", *wrong]:
        file.write_text(text)
        with pytest.raises(CheckpointError, match="holds no TotoPredictor that can be read"):
            TotoPredictor.deserialize(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": 16}, "mode must be a Multivariate, got 16: pass Multivariate(batch_size=...)"),
        ({"samples_per_batch": 0}, 'samples_per_batch must be "auto" or a whole number of at least 1, got 0'),
        ({"num_samples": 0}, "num_samples must be a whole number of at least 1, got 0"),
        ({"prediction_length": 0}, "prediction_length must be a whole number of at least 1, got 0"),
        ({"context_length": -1}, "context_length must be a whole number of at least 1, got -1"),
        ({"context_length": 64.0}, "context_length must be a whole number of at least 1, got 64.0"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2^63 - 1, got -1"),
        ({"seed": "x"}, "seed must be a whole number from 0 to 2^63 - 1, got 'x'"),
    ],
)
def test_an_argument_that_breaks_a_rule_is_named(as_users_call, tiny, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TotoPredictor(tiny, **{"prediction_length": HORIZON, "context_length": CONTEXT} | options)


def test_arguments_of_batches_and_calls_are_named_at_once(tiny):
    with pytest.raises(InputError, match='batch_size must be "auto" or a whole number of at least 1, got 0'):
        Multivariate(0)
    with pytest.raises(InputError, match="num_samples must be a whole number of at least 1, got 0"):
        predictor_of(tiny).predict(some_dataset(), num_samples=0)


@pytest.mark.parametrize("dataset", [3, None, {}, some_dataset()[1], "data.json", DataFrame({"target": [1]})])
def test_what_is_no_dataset_is_an_error_at_once(as_users_call, tiny, dataset):
    message = f"dataset must be entries with target and start, .*, got {type(dataset).__name__}$"
    with pytest.raises(InputError, match=message):
        predictor_of(tiny).predict(dataset)
