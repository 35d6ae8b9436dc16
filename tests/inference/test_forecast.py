import pickle

import numpy as np
import pytest
import torch

from toto import Forecast, InputError


@pytest.fixture
def forecast() -> Forecast:
    samples = torch.randn(2, 3, 4, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Forecast(samples.mean(-1), samples)


def test_quantiles_are_those_of_torch_and_numpy(forecast):
    for level in (0.0, 0.1, 0.25, 0.5, 0.99, 1.0):
        expected = torch.quantile(forecast.samples, level, dim=-1)
        torch.testing.assert_close(forecast.quantile(level), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(forecast.quantile([level])[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("convert", [list, tuple, np.array, torch.tensor, lambda q: torch.tensor(q).float()])
def test_many_levels_come_first(forecast, convert):
    levels = [0.1, 0.5, 0.9]
    quantiles = forecast.quantile(convert(levels))
    assert quantiles.shape == (3, 2, 3, 4)
    expected = torch.quantile(forecast.samples, torch.tensor(levels, dtype=torch.float64), dim=-1)
    torch.testing.assert_close(quantiles, expected, rtol=1e-6, atol=1e-6)


def test_a_scalar_tensor_is_one_level(forecast):
    assert forecast.quantile(torch.tensor(0.5)).shape == (2, 3, 4)
    assert torch.equal(forecast.quantile(torch.tensor(0.5)), forecast.median)


def test_quantiles_have_no_size_limit():
    """torch.quantile refuses more than 16 million values."""
    samples = torch.rand(1, 1, 70_000, 256, generator=torch.Generator().manual_seed(0))
    assert Forecast(samples.mean(-1), samples).median.shape == (1, 1, 70_000)


def test_quantiles_keep_infinite_paths_infinite():
    infinity = float("inf")
    samples = torch.tensor([-infinity, 0.0, infinity, infinity])[None, None, None]
    quantiles = Forecast(samples.mean(-1), samples).quantile([0.0, 0.9, 1.0]).flatten()
    assert quantiles.tolist() == [-infinity, infinity, infinity]


def test_one_sort_serves_all_levels(forecast):
    forecast.quantile(0.5)
    assert forecast._sorted is forecast._sorted


def test_std_is_the_spread_of_the_paths(forecast):
    torch.testing.assert_close(forecast.std, forecast.samples.std(-1))
    single = Forecast(forecast.mean, forecast.samples[..., :1])
    assert (single.std == 0).all()


def test_cpu_numpy_and_pickle_keep_the_numbers(forecast):
    assert isinstance(forecast.numpy(), np.ndarray)
    assert forecast.numpy().shape == (2, 3, 4, 11)
    assert Forecast(forecast.mean).numpy().shape == (2, 3, 4)
    assert torch.equal(forecast.cpu().samples, forecast.samples)
    assert Forecast(forecast.mean).cpu().samples is None
    forecast.quantile(0.5)
    copy = pickle.loads(pickle.dumps(forecast))
    assert torch.equal(copy.samples, forecast.samples)
    assert "_sorted" not in copy.__dict__


def test_levels_outside_zero_to_one_are_errors(forecast):
    for q in (-0.1, 1.5, [0.5, 2.0], float("nan"), 1 + 1e-9, [0.5, None]):
        with pytest.raises(InputError, match="q must be a level from 0 to 1"):
            forecast.quantile(q)


def test_a_forecast_of_the_mean_alone_says_how_to_get_samples(forecast):
    mean_only = Forecast(forecast.mean)
    for name, ask in (
        ("quantile", lambda: mean_only.quantile(0.5)),
        ("median", lambda: mean_only.median),
        ("std", lambda: mean_only.std),
    ):
        message = f"{name} needs sample paths, got a mean forecast: pass num_samples=256"
        with pytest.raises(InputError, match=message):
            ask()


def test_forecasts_compare_by_identity(forecast):
    assert forecast == forecast
    assert forecast != Forecast(forecast.mean, forecast.samples)


def test_a_forecast_prints_its_shapes(forecast):
    assert repr(forecast) == "Forecast([batch, variates, horizon] = [2, 3, 4], 11 samples)"
    assert repr(Forecast(forecast.mean)).endswith("no samples)")
