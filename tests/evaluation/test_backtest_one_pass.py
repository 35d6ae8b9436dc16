"""Forecasts that branch off one pass over the history, against plain forecasts."""

import numpy as np
import pytest
import torch

from toto import TotoForecaster
from toto.evaluation import backtest_origins
from toto.evaluation.backtest_one_pass import OnePass
from toto.evaluation.backtest_origins import RollingForecaster
from toto.evaluation.record import Settings
from toto.evaluation.task import Task


def walks(num_variates, num_steps, seed=0):
    return np.random.default_rng(seed).normal(size=(num_variates, num_steps)).cumsum(axis=1)


def same(forecast, plain):
    torch.testing.assert_close(forecast.samples, plain.samples, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        forecast.quantile([0.1, 0.5]), plain.quantile([0.1, 0.5]), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("horizon", [1, 8, 20])
@pytest.mark.parametrize("changes", [{}, {"stride": 4}, {"scaler_cls": "CausalStdMeanScaler"}, "labels"])
def test_a_branch_is_the_forecast_from_its_origin(make_tiny, horizon, changes):
    model = make_tiny(**({} if changes == "labels" else changes))
    if changes == "labels":
        model.model.enable_variate_labels()
        model.double()
    history = walks(3, 69)
    history[1, 30:37] = np.nan
    one_pass = OnePass(model.model, history)
    for origin in (69, 61, 29):
        forecast = one_pass.forecast(one_pass.state_at(origin), horizon, 5, seed=3, series_id=origin)
        plain = TotoForecaster(model).forecast(
            [history[:, :origin]], horizon, 5, seed=3, series_ids=[origin], keep_distribution=True
        )[0]
        same(forecast, plain)


def test_one_pass_can_be_branched_from_again_and_in_any_order(tiny):
    one_pass = OnePass(tiny.model, walks(2, 64))
    first = one_pass.forecast(one_pass.state_at(40), 20, 3, seed=0, series_id=0)
    one_pass.forecast(one_pass.state_at(64), 20, 3, seed=0, series_id=0)
    again = one_pass.forecast(one_pass.state_at(40), 20, 3, seed=0, series_id=0)
    torch.testing.assert_close(first.samples, again.samples, rtol=0, atol=0)


@pytest.mark.parametrize("origin", [60, 63, 4])
def test_there_is_no_branch_where_patches_have_other_edges(tiny, origin):
    assert OnePass(tiny.model, walks(1, 64)).state_at(origin) is None


def test_there_is_no_branch_where_later_steps_change_the_scale(make_tiny):
    plain = make_tiny(scaler_cls="StdMeanScaler")
    assert OnePass(plain.model, walks(1, 64)).state_at(32) is None
    history = walks(1, 64)
    history[:, 40:] *= 1e15  # the global limit of the scale, 1e10, is reached
    limited = make_tiny(stabilize_with_global=True)
    assert OnePass(limited.model, history).state_at(32) is None
    assert OnePass(limited.model, history[:, :40]).state_at(32) is not None


def task(num_steps=120, step=8, variates=2, horizon=20):
    series = [walks(variates, num_steps), walks(variates, 70, seed=1)]
    origins = [
        range(values.shape[1] - horizon - 3 * step, values.shape[1] - horizon + 1, step) for values in series
    ]
    return Task("t", series, origins, horizon, 4, "some")


def settings(**changes):
    return Settings(
        "tiny", **{"context": 200, "num_samples": 4, "seed": 1, "grouping": "multivariate"} | changes
    )


@pytest.mark.parametrize("quantiles_from", ["paths", "distribution"])
@pytest.mark.parametrize("horizon", [5, 20])
def test_shared_and_batched_windows_have_the_same_forecasts(tiny, monkeypatch, quantiles_from, horizon):
    chosen = settings(quantiles_from=quantiles_from)
    found = []
    for worth in (0, 1e9):
        monkeypatch.setattr(backtest_origins, "_WORTH_SHARING", worth)
        forecaster = RollingForecaster(tiny, chosen)
        forecasts = sorted(forecaster.forecasts(task(horizon=horizon)), key=lambda entry: entry[0])
        assert forecaster.num_shared == (0 if worth else 8)
        found.append(forecasts)
    for shared, batched in zip(*found, strict=True):
        assert shared[0] == batched[0]
        assert (shared[2].distribution is None) == (quantiles_from == "paths")
        same(shared[2], batched[2])


@pytest.mark.parametrize(
    ("changes", "options"),
    [({"step": 5}, {}), ({}, {"context": 40}), ({"variates": 1, "num_steps": 70}, {})],
    ids=["no whole patches apart", "a context that slides", "too little to save"],
)
def test_windows_are_batched_where_sharing_is_not_exact_or_does_not_pay(tiny, changes, options):
    forecaster = RollingForecaster(tiny, settings(**options))
    places = [place for place, _, _ in forecaster.forecasts(task(**changes))]
    assert sorted(places) == list(range(8))
    assert forecaster.num_shared == 0


def test_a_model_in_training_mode_is_forecast_without_dropout(tiny, monkeypatch):
    monkeypatch.setattr(backtest_origins, "_WORTH_SHARING", 0)
    expected = [forecast for *_, forecast in RollingForecaster(tiny, settings()).forecasts(task())]
    forecaster = RollingForecaster(tiny.train(), settings())
    for forecast, shared in zip([f for *_, f in forecaster.forecasts(task())], expected, strict=True):
        torch.testing.assert_close(forecast.samples, shared.samples)
    assert forecaster.num_shared == 0
    assert tiny.training


def test_few_steps_at_once_change_nothing(tiny, monkeypatch):
    together = [f for *_, f in RollingForecaster(tiny, settings(context=30)).forecasts(task())]
    monkeypatch.setattr(backtest_origins, "_PATH_STEPS_AT_ONCE", 1)
    for forecast, other in zip(
        RollingForecaster(tiny, settings(context=30)).forecasts(task()), together, strict=True
    ):
        torch.testing.assert_close(forecast[2].samples, other.samples, rtol=1e-9, atol=1e-9)
