"""Forecasts by quantiles in parts: as many series at once as are fast and fit, or fewer."""

import logging

import pytest
import torch

from toto import InputError, MaskedTimeseries, Toto2Forecaster
from toto.inference import call2
from toto.inference.memory import budget
from toto.inference.memory.demand2 import Demand2

LENGTHS = (40, 9, 100, 41, 64, 8, 33)


@pytest.fixture
def forecaster(tiny2):
    return Toto2Forecaster(tiny2)


def series():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, generator=generator, dtype=torch.float64).cumsum(-1) for n in LENGTHS]


def series_at_once(model) -> list[int]:
    """The number of series in every pass from now on."""
    seen: list[int] = []
    model.transformer.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    return seen


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.quantiles, other.quantiles, rtol=1e-5, atol=1e-5)


def test_series_are_together_by_length_up_to_the_tokens_that_are_fast(forecaster, monkeypatch):
    expected = forecaster.forecast(series(), 16)
    seen = series_at_once(forecaster.model)
    assert_equal(forecaster.forecast(series(), 16), expected)
    assert seen == [7]
    monkeypatch.setattr(budget, "TOKENS_AT_ONCE", 24)  # a horizon of 2 patches, contexts of 1 2 5 5 6 8 13
    assert_equal(forecaster.forecast(series(), 16), expected)
    assert seen[1:] == [3, 2, 1, 1]


def test_series_are_fewer_where_memory_is_little(forecaster, monkeypatch):
    expected = forecaster.forecast(series(), 16)
    whole = Demand2(forecaster.model, 7, 1, 16, 16, 8).estimate(100, 7).working
    seen = series_at_once(forecaster.model)
    monkeypatch.setattr(call2, "memory_budget", lambda device: whole - 1)
    assert_equal(forecaster.forecast(series(), 16), expected)
    assert seen == [6, 1]
    monkeypatch.setattr(call2, "memory_budget", lambda device: 0)
    assert_equal(forecaster.forecast(series(), 16), expected)
    assert seen[2:] == [1] * 7


def test_a_part_that_runs_out_of_memory_is_halved(forecaster, monkeypatch, caplog):
    expected, progress = forecaster.forecast(series(), 16), []
    plain = forecaster.model.forecast

    def scarce(inputs, *arguments):
        if len(inputs["target"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(inputs, *arguments)

    monkeypatch.setattr(forecaster.model, "forecast", scarce)
    with caplog.at_level(logging.WARNING):
        found = forecaster.forecast(series(), 16, progress=lambda *counts: progress.append(counts))
    assert_equal(found, expected)
    assert [record.message for record in caplog.records] == [
        "out of memory with 7 series at once: going on with 3",
        "out of memory with 3 series at once: going on with 1",
    ]
    assert progress == [(2 * done, 14) for done in range(1, 8)]


def test_the_error_of_a_single_series_escapes(forecaster, monkeypatch):
    def scarce(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(forecaster.model, "forecast", scarce)
    with pytest.raises(torch.OutOfMemoryError):
        forecaster.forecast(series(), 16)


def test_series_of_other_kinds_are_apart(forecaster):
    seen = series_at_once(forecaster.model)
    both = MaskedTimeseries.from_array(torch.randn(2, 40).double(), num_exogenous_variables=1)
    inputs = [*series()[:2], series()[0].float(), both, both]
    futures = [None, None, None, torch.zeros(1, 16), None]
    forecaster.forecast(inputs, 16, future_exogenous_variables=futures)
    assert seen == [2, 1, 1, 1]


def test_variates_without_a_value_are_named_once(forecaster):
    empty = torch.full((40,), torch.nan, dtype=torch.float64)
    with pytest.warns(
        UserWarning, match=r"1 of 8 variates hold no real value \(first: inputs\[7\], variate 0"
    ):
        forecaster.forecast([*series(), empty], 16)


def test_quantiles_that_are_not_finite_are_counted(forecaster, caplog):
    huge = 1e300 * torch.randn(40, dtype=torch.float64)  # its squares are beyond float64
    *_, last = forecaster.forecast([*series(), huge], 16)
    assert not last.quantiles.isfinite().any()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{16 * 9} of {8 * 16 * 9} forecast quantiles are not finite: the series are too")


def test_options_that_break_a_rule_are_errors(forecaster):
    with pytest.raises(InputError, match="decode_block_size must be a multiple of the patch size 8, got 9"):
        forecaster.forecast(series(), 16, 9)
    with pytest.raises(InputError, match="quantile_real_cap_k must be at least 0 and finite, got -1"):
        forecaster.forecast(series(), 16, quantile_real_cap_k=-1.0)


def test_more_of_anything_takes_more_memory(tiny2):
    def working(num_series=2, variates=2, horizon=16, block=16, steps=40, at_once=2):
        demand = Demand2(tiny2, num_series, variates, horizon, block, 4)
        return demand.estimate(steps, at_once).working

    least = working()
    for more in (
        {"num_series": 500},
        {"variates": 9},
        {"horizon": 999},
        {"horizon": 999, "block": 999},
        {"steps": 999},
        {"at_once": 3},
    ):
        assert working(**more) > least


def test_memory_is_estimated_in_advance(forecaster):
    sizes = {"context_length": 400, "prediction_length": 16, "batch_size": 30}
    estimate = forecaster.estimate_memory(**sizes)
    assert estimate.series_per_batch == 512 // (50 + 2)
    assert str(estimate).endswith("MiB, with 9 series at once")
    assert estimate.own_cache == estimate.shared_cache == 0
    assert forecaster.estimate_memory(**sizes, decode_block_size=8).shared_cache > 0
    assert forecaster.estimate_memory(**sizes, series_dtype="float64").results == 2 * estimate.results
    with pytest.raises(InputError, match="context_length must be a whole number of at least 1, got 0"):
        forecaster.estimate_memory(context_length=0, prediction_length=1)
