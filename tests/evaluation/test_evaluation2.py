"""Evaluations and backtests of a model that predicts quantiles."""

import numpy as np
import pytest

from toto.evaluation.backtest import backtest
from toto.evaluation.choose import make_forecaster
from toto.evaluation.evaluate import evaluate
from toto.evaluation.forecaster import Target, Toto2UnderTest, under_test
from toto.evaluation.record import Settings
from toto.evaluation.task import last_windows

SETTINGS = Settings("tiny2", 24, 8, 0, "multivariate", "distribution")


def waves(num_variates=2, num_steps=90, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(num_steps) / 2) + 0.3 * rng.normal(size=(num_variates, num_steps))


def test_quantiles_are_the_models_and_outside_those_of_the_stated_tails(tiny2):
    history, target = waves(), Target(12, 4, (0.025, 0.1, 0.5))
    (found,) = under_test(tiny2, SETTINGS).quantiles([history], target, [0])
    forecast = make_forecast(tiny2, history)
    np.testing.assert_allclose(found[1:], forecast.quantile([0.1, 0.5])[:, 0].numpy())
    np.testing.assert_allclose(found[0], forecast.distribution.quantile(0.025)[0].numpy())


def make_forecast(model, history):
    from toto import Toto2Forecaster

    return Toto2Forecaster(model).forecast([history], 12, scaler_fallback_min_obs=8, quantile_real_cap_k=1e4)[
        0
    ]


def test_variates_alone_are_forecast_by_themselves(tiny2):
    history, target = waves(), Target(12, 4, (0.5,))
    forecaster = Toto2UnderTest(tiny2, Settings("tiny2", 24, grouping="univariate"))
    (found,) = forecaster.quantiles([history], target, [0])
    np.testing.assert_allclose(found[0, 1], make_forecast(tiny2, history[1:]).median[0, 0].numpy(), rtol=1e-6)


def test_the_record_says_that_nothing_is_drawn(tiny2, tmp_path):
    tiny2.save_pretrained(tmp_path)
    forecaster = make_forecaster(Settings(str(tmp_path), None, 32, 3, "multivariate", "distribution"), "cpu")
    task = last_windows("t", [waves(3, 70), waves(1, 45)], 10, 4, num_windows=2)
    result = evaluate(task, forecaster)
    line = str(result.measurement)
    assert "multivariate, context 4096, quantiles predicted, exponential tails" in line
    assert "samples" not in line
    assert all(np.isfinite(list(result.scores.values())))


def test_a_backtest_has_the_scores_of_the_evaluator_and_a_calibration(tiny2):
    data = waves()
    result = backtest(tiny2, data, 10, 3, season=4, context=24)
    assert result.num_shared == 0
    task = last_windows("t", [data], 10, 4, 3)
    expected = evaluate(task, under_test(tiny2, SETTINGS)).scores
    frame = result.to_frame()
    assert frame["mase"][2] == pytest.approx(expected["mase"], rel=1e-6)
    pit = result.pit()
    assert len(pit) == 60
    assert ((pit >= 0) & (pit <= 1)).all()
    assert "exponential tails" in str(result)
