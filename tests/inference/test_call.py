"""A batch in parts is the batch as a whole, whatever the parts; what is replaced is counted once."""

import pytest
import torch

from toto import MaskedTimeseries, TotoForecaster
from toto.inference.memory import budget

NUM_SERIES = 7


def batch() -> MaskedTimeseries:
    """Series of two targets and a covariate; in some the targets do not see each other."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(NUM_SERIES, 3, 40, generator=generator, dtype=torch.float64).cumsum(-1)
    values[2, 1, 5:9] = float("nan")
    groups = torch.zeros(NUM_SERIES, 3, dtype=torch.long)
    groups[4:, 1] = 1
    return MaskedTimeseries.from_array(values, group_ids=groups, num_exogenous_variables=1)


def tensors(forecast) -> list[torch.Tensor]:
    found = []
    forecast.each(lambda t: found.append(t) or t)
    return found


def assert_equal(found, expected) -> None:
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def series_seen(toto) -> list[int]:
    """The batch size of every encoded context from now on."""
    seen: list[int] = []
    toto.model.transformer.register_forward_pre_hook(
        lambda _, args: seen.append(len(args[0])) if args[0].shape[3] > 1 else None
    )
    return seen


PATHS = {"num_samples": 4, "seed": 1}
KNOWN = torch.arange(NUM_SERIES * 20.0).view(NUM_SERIES, 1, 20)
FORECASTS = {
    "mean path": {},
    "mean path within a patch": {"prediction_length": 5},
    "paths": PATHS,
    "paths with ids": PATHS | {"series_ids": [9, 3, 0, 7, 8, 6, 5]},
    "distribution": PATHS | {"keep_distribution": True},
    "distribution of one patch": PATHS | {"keep_distribution": True, "prediction_length": 5},
    "known covariates": PATHS | {"keep_distribution": True, "future_exogenous_variables": KNOWN},
}

forecasts = pytest.mark.parametrize("options", FORECASTS.values(), ids=FORECASTS)


@forecasts
def test_a_batch_is_forecast_in_parts_and_gives_the_same(tiny, monkeypatch, options):
    options, seen = {"prediction_length": 20} | options, series_seen(tiny)
    expected = TotoForecaster(tiny).forecast(batch(), **options)
    assert seen == [NUM_SERIES]
    for tokens_at_once in (30, 1):
        seen.clear()
        monkeypatch.setattr(budget, "TOKENS_AT_ONCE", tokens_at_once)
        assert_equal(TotoForecaster(tiny).forecast(batch(), **options), expected)
        assert sum(seen) == NUM_SERIES
        assert len(seen) > 1
    assert seen == [1] * NUM_SERIES


@forecasts
def test_a_batch_that_runs_out_of_memory_is_halved(tiny, caplog, options):
    options = {"prediction_length": 20} | options
    expected = TotoForecaster(tiny).forecast(batch(), **options)

    def few_series_fit(_, args):
        if len(args[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    tiny.model.transformer.register_forward_pre_hook(few_series_fit)
    caplog.clear()
    calls = []
    found = TotoForecaster(tiny).forecast(batch(), **options, progress=lambda *n: calls.append(n))
    assert_equal(found, expected)
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 7 series at once: going on with 3",
        "out of memory with 3 series at once: going on with 1",
    ]
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_the_error_of_a_single_series_escapes_as_it_is(tiny):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    def nothing_fits(_, args):
        raise error

    tiny.model.transformer.register_forward_pre_hook(nothing_fits)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        TotoForecaster(tiny).forecast(batch(), 20)
    assert caught.value is error


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize(("num_samples", "counts"), [(None, "21 of 168"), (5, "105 of 840")])
def test_values_that_are_replaced_are_counted_once_for_all_parts(
    tiny, monkeypatch, caplog, as_list, num_samples, counts
):
    monkeypatch.setattr(budget, "TOKENS_AT_ONCE", 1)
    with torch.no_grad():
        tiny.model.unembed.weight[:32] = float("nan")  # the first step of every patch
    inputs = batch()
    inputs = list(inputs.series) if as_list else inputs
    TotoForecaster(tiny).forecast(inputs, 8, num_samples)
    assert [record.getMessage() for record in caplog.records] == [
        f"{counts} forecast values were not finite, or too large for their dtype, and are 0"
    ]
