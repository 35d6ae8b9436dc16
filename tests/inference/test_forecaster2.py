import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries
from toto.inference.forecaster2 import Toto2Forecaster


@pytest.fixture
def forecaster(tiny2):
    return Toto2Forecaster(tiny2)


def walks(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(-1)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) < 1e-5 * float(b.abs().max())


def test_a_batch_is_forecast_as_the_model_does(forecaster):
    series = walks(2, 3, 45)
    series[0, 1, 7:20] = torch.nan
    groups = [[0, 1, 0], [2, 2, 2]]
    inputs = MaskedTimeseries.from_array(series, group_ids=torch.tensor(groups))
    forecast = forecaster.forecast(inputs, 21, 8, quantile_real_cap_k=3.0, scaler_fallback_min_obs=4)
    expected = forecaster.model.forecast(
        {"target": series, "series_ids": torch.tensor(groups)},
        21,
        8,
        quantile_real_cap_k=3.0,
        scaler_fallback_min_obs=4,
    )
    assert forecast.levels == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert close(forecast.quantile(forecast.levels), expected)


def test_series_of_any_lengths_are_forecast_together_as_one_by_one(forecaster):
    lengths = [1, 5, 40, 41, 64, 100, 333, 8]
    series = [walks(n, seed=n) for n in lengths]
    series += [walks(2, 50).float(), walks(2, 30).numpy(), [1, 2, 3, 4]]
    series[5][10:60] = torch.nan
    series[6][-20:] = torch.nan
    together = forecaster.forecast(series, 20, 8)
    for one, forecast in zip(series, together, strict=True):
        (alone,) = forecaster.forecast([one], 20, 8)
        assert close(forecast.quantiles, alone.quantiles)
        assert forecast.quantiles.dtype is alone.quantiles.dtype
    assert together[8].quantiles.dtype is torch.float32
    assert forecaster.forecast([], 20) == []


def test_whole_numbers_are_forecast_in_float64(forecaster):
    counters = (2**40 + walks(2, 45).mul(8).long()).long()
    inputs = MaskedTimeseries.from_array(counters.double(), num_exogenous_variables=1)
    future = torch.full((1, 8), 2**40)
    expected = forecaster.forecast(inputs, 8, future_exogenous_variables=future)
    found = forecaster.forecast(inputs._replace(series=counters), 8, future_exogenous_variables=future)
    assert torch.equal(found.quantiles, expected.quantiles)


def test_known_covariates_come_back_and_are_read(forecaster):
    series, future = walks(2, 3, 45), walks(2, 1, 24, seed=3)
    inputs = MaskedTimeseries.from_array(series, num_exogenous_variables=1)
    forecast = forecaster.forecast(inputs, 24, future_exogenous_variables=future)
    known = torch.cat([series[:, 2:], future], -1)
    expected = forecaster.model.forecast({"target": series[:, :2], "known_dynamic": known}, 24)
    assert close(forecast.quantile(forecast.levels)[:, :, :2], expected)
    assert torch.equal(forecast.median[:, 2:], future)
    shorter = forecaster.forecast(inputs, 24, future_exogenous_variables=future[..., :10].numpy())
    assert shorter.median[:, 2:, 10:].isnan().all()
    assert not close(shorter.median[:, :2], forecast.median[:, :2])
    without = forecaster.forecast(inputs, 24)
    assert without.median.isfinite().all()


def test_covariates_of_a_list_are_given_for_each_series(forecaster):
    series = [MaskedTimeseries.from_array(walks(2, n, seed=n), num_exogenous_variables=1) for n in (40, 61)]
    future = walks(1, 16, seed=3)
    forecasts = forecaster.forecast(series, 16, future_exogenous_variables=[future, None])
    assert torch.equal(forecasts[0].median[0, 1:], future)
    alone = forecaster.forecast(series[0], 16, future_exogenous_variables=future)
    assert close(forecasts[0].quantiles, alone.quantiles)
    assert close(forecasts[1].quantiles, forecaster.forecast(series[1], 16).quantiles)


@pytest.mark.parametrize(
    ("inputs", "future", "message"),
    [
        (np.zeros(5), None, "inputs must be a MaskedTimeseries of tensors, got ndarray .* or pass a list of"),
        ([[[1.0]], "x"], None, r"inputs\[1\]: values must be"),
        (
            [np.zeros((2, 1, 5))],
            None,
            r"inputs\[0\]: an entry of a list must be one series, .* got a batch of 2",
        ),
        ([[1.0, 2.0]], [None, None], "future_exogenous_variables must be a list of 1 entries, .* got 2"),
        ([[1.0, 2.0]], [[3.0]], r"inputs\[0\]: future_exogenous_variables needs inputs with num_exogenous"),
        (
            MaskedTimeseries.from_array(walks(2, 9), num_exogenous_variables=2),
            walks(2, 8),
            "num_exogenous_variables must leave at least one of 2 variates to forecast, got 2",
        ),
        (
            MaskedTimeseries.from_array(walks(2, 9), num_exogenous_variables=1),
            walks(2, 8),
            r"must be \[batch, covariates, steps\] = \(1, 1, steps\), or fewer where .* got \(1, 2, 8\)",
        ),
        (
            MaskedTimeseries.from_array(walks(2, 9), num_exogenous_variables=1),
            "tomorrow",
            "future_exogenous_variables must be an array of numbers",
        ),
        (
            MaskedTimeseries.from_array(walks(2, 9))._replace(padding_mask=torch.ones(2, 8)),
            None,
            r"padding_mask must have the shape of series \(1, 2, 9\), got \(1, 2, 8\)",
        ),
        (
            MaskedTimeseries.from_array(walks(2, 9))._replace(id_mask=torch.arange(9).expand(2, 9)),
            None,
            "id_mask must be constant along time",
        ),
    ],
)
def test_inputs_that_break_a_rule_are_errors(forecaster, inputs, future, message):
    with pytest.raises(InputError, match=message):
        forecaster.forecast(inputs, 8, future_exogenous_variables=future)


def test_other_arguments_that_break_a_rule_are_errors(forecaster, tiny):
    with pytest.raises(InputError, match="prediction_length must be a whole number of at least 1, got 0"):
        forecaster.forecast([[1.0]], 0)
    with pytest.raises(InputError, match="model must be a Toto2Model, got Toto: load one with"):
        Toto2Forecaster(tiny)
