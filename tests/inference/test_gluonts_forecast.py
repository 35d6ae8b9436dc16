"""Forecasts in the form of GluonTS, and back."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from toto import Forecast, InputError, TotoForecaster

pytest.importorskip("gluonts")
from gluonts.core.serde import dump_json, load_json
from gluonts.model.forecast import QuantileForecast
from pandas import Period

from toto.inference.gluonts_forecast import TotoSampleForecast, TotoSampleForecastGenerator

START = Period("2024-01-01 05:00", freq="h")
LEVELS = (0.0, 0.1, 0.33, 0.5, 0.9, 1.0)


def some_forecast(variates: int = 3, samples: int = 8) -> Forecast:
    paths = torch.randn(1, variates, 5, samples, generator=torch.Generator().manual_seed(0))
    return Forecast(paths.mean(-1), paths)


def test_samples_and_mean_have_the_axes_of_gluonts():
    forecast = some_forecast()
    found = TotoSampleForecast.from_forecast(forecast, START, "a")
    assert (found.num_samples, found.prediction_length, found.dim()) == (8, 5, 3)
    assert (found.start_date, found.item_id, found.info) == (START, "a", None)
    np.testing.assert_array_equal(found.samples, forecast.samples[0].permute(2, 1, 0))
    np.testing.assert_array_equal(found.mean, forecast.mean[0].T)
    assert list(found.index) == [START + step for step in range(5)]


def test_a_single_variate_has_no_axis_unless_the_target_has_one():
    forecast = some_forecast(variates=1)
    flat = TotoSampleForecast.from_forecast(forecast, START)
    deep = TotoSampleForecast.from_forecast(forecast, START, univariate=False)
    assert (flat.samples.shape, flat.mean.shape, flat.quantile(0.3).shape) == ((8, 5), (5,), (5,))
    assert (deep.samples.shape, deep.mean.shape, deep.quantile(0.3).shape) == ((8, 5, 1), (5, 1), (5, 1))
    np.testing.assert_array_equal(flat.quantile(0.3), deep.quantile(0.3)[:, 0])


@pytest.mark.parametrize("variates", [1, 3])
def test_quantiles_are_those_of_the_forecast_before_and_after_files(variates):
    forecast = some_forecast(variates)
    made = TotoSampleForecast.from_forecast(forecast, START)
    from_arrays = TotoSampleForecast(made.samples, made.mean, START)
    for found in (made, from_arrays, pickle.loads(pickle.dumps(made)), load_json(dump_json(made))):
        for level in LEVELS:
            expected = forecast.quantile(level)[0].T
            expected = expected[:, 0] if variates == 1 else expected
            np.testing.assert_array_equal(found.quantile(level), expected)
        np.testing.assert_array_equal(found["p90"], found.quantile("0.9"))
        np.testing.assert_array_equal(found.median, found.quantile(0.5))


@pytest.mark.parametrize("variates", [1, 3])
def test_a_forecast_comes_back_as_it_was(variates):
    forecast = some_forecast(variates)
    made = TotoSampleForecast.from_forecast(forecast, START)
    for found in (made.forecast, TotoSampleForecast(made.samples, made.mean, START).forecast):
        torch.testing.assert_close(found.samples, forecast.samples, rtol=0, atol=0)
        torch.testing.assert_close(found.mean, forecast.mean, rtol=0, atol=0)


def test_the_distribution_of_a_forecast_gives_mean_and_quantiles_and_comes_back(tiny):
    series = torch.randn(2, 40, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    (forecast,) = TotoForecaster(tiny).forecast([series], 20, 4, seed=0, keep_distribution=True)
    found = TotoSampleForecast.from_forecast(forecast, START)
    np.testing.assert_array_equal(found.quantile(0.9), forecast.distribution.quantile(0.9)[0].T)
    np.testing.assert_array_equal(found.mean, forecast.distribution.mean[0].T)
    assert found.forecast.distribution is not None
    drawn = TotoSampleForecast(found.samples, found.mean, START)
    assert not np.allclose(found.quantile(0.9), drawn.quantile(0.9))


def test_a_quantile_forecast_holds_the_quantiles():
    forecast = some_forecast()
    made = TotoSampleForecast.from_forecast(forecast, START, "a")
    found = made.to_quantile_forecast(["mean", "0.1", "0.9"])
    assert isinstance(found, QuantileForecast)
    assert (found.item_id, found.start_date) == ("a", START)
    np.testing.assert_array_equal(found.quantile(0.9), forecast.quantile(0.9)[0].T)
    np.testing.assert_array_equal(found.mean, forecast.mean[0].T)


def test_a_mean_path_is_one_sample_and_all_quantiles():
    forecast = Forecast(torch.arange(10.0).view(1, 2, 5))
    found = TotoSampleForecast.from_forecast(forecast, START)
    assert found.samples.shape == (1, 5, 2)
    for values in (found.samples[0], found.mean, found.median, found.quantile("p99")):
        np.testing.assert_array_equal(values, forecast.mean[0].T)
    assert found.forecast.samples is None


def test_one_variate_and_an_aggregate_are_forecasts_of_the_same_kind():
    forecast = some_forecast()
    found = TotoSampleForecast.from_forecast(forecast, START, "a")
    second, total = found.copy_dim(1), found.copy_aggregate(np.sum)
    assert (second.item_id, total.item_id) == ("a", "a")
    np.testing.assert_array_equal(second.mean, forecast.mean[0, 1])
    np.testing.assert_array_equal(second.quantile(0.33), forecast.quantile(0.33)[0, 1])
    np.testing.assert_allclose(total.samples, forecast.samples[0].sum(0).T, rtol=1e-6)
    np.testing.assert_allclose(total.mean, forecast.mean[0].sum(0), rtol=1e-5, atol=1e-6)
    for flat in (second.copy_dim(0), second.copy_aggregate(np.sum)):
        np.testing.assert_array_equal(flat.samples, second.samples)


@pytest.mark.parametrize("level", [1.5, -0.1, "p120", "x", None, [0.5], float("nan")])
def test_what_is_no_level_is_an_error_with_and_without_samples(as_users_call, level):
    for forecast in (some_forecast(), Forecast(torch.zeros(1, 2, 5))):
        with pytest.raises(
            InputError, match=r'q must be a level from 0 to 1, as a number or like "0.9" or "p90"'
        ):
            TotoSampleForecast.from_forecast(forecast, START).quantile(level)


def test_the_lowest_and_the_highest_level_may_be_whole_numbers():
    found = TotoSampleForecast.from_forecast(some_forecast(), START)
    np.testing.assert_array_equal(found.quantile(0), found.samples.min(0))
    np.testing.assert_array_equal(found.quantile(1), found.samples.max(0))


def test_a_batch_is_refused_with_a_way_out():
    batch = Forecast(torch.zeros(2, 1, 5))
    with pytest.raises(InputError, match=r"must be of one series, got a batch of 2: .*forecast.each"):
        TotoSampleForecast.from_forecast(batch, START)


def test_several_variates_are_not_univariate():
    with pytest.raises(InputError, match="univariate must be False for a forecast of 3 variates, got True"):
        TotoSampleForecast.from_forecast(some_forecast(3), START, univariate=True)


def test_the_generator_keeps_the_order_of_items_and_what_they_are_called():
    batches = [
        {"factor": [1.0, 2.0], "forecast_start": [START, START + 1], "item_id": ["a", None]},
        {"factor": [3.0], "forecast_start": [START + 2], "univariate": [False], "unread": [None]},
    ]
    given = []

    def net(factor: list[float]) -> list[Forecast]:
        given.append(factor)
        return [Forecast(torch.full((1, 1, 5), value)) for value in factor]

    found = TotoSampleForecastGenerator()(batches, net, ["factor"], None, 1)
    assert next(found).item_id == "a"
    assert given == [[1.0, 2.0]]  # later batches wait until they are asked for
    second, third = found
    assert (second.start_date, second.item_id, third.item_id) == (START + 1, None, None)
    assert (second.mean.shape, third.mean.shape) == ((5,), (5, 1))
    assert float(third.mean[0, 0]) == 3


@pytest.mark.parametrize("module", ["gluonts_forecast", "gluonts_predictor"])
def test_without_gluonts_the_import_says_what_to_install(module):
    program = f"import sys; sys.modules['gluonts'] = None; import toto.inference.{module}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    message = r"MissingExtraError: .* needs gluonts: pip install 'toto-forecast\[gluonts\]'"
    assert re.search(message, done.stderr)
