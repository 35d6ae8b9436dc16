"""The evaluator with tiny models and baselines."""

import json
import logging

import numpy as np
import pytest

from toto import MaskedTimeseries, TotoForecaster
from toto.errors import InputError
from toto.evaluation import evaluate as evaluator
from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.evaluate import evaluate
from toto.evaluation.forecaster import Target, TotoUnderTest
from toto.evaluation.record import Settings
from toto.evaluation.task import last_windows

NAIVE = SeasonalNaive(Settings("seasonal-naive"))


@pytest.fixture
def task():
    """Two series of different lengths and numbers of variates."""
    rng = np.random.default_rng(0)
    return last_windows("t", [rng.normal(size=(3, 70)), rng.normal(size=(1, 45))], 10, 4, num_windows=2)


def toto(model, **settings) -> TotoUnderTest:
    return TotoUnderTest(model, Settings("tiny", **{"context": 24, "num_samples": 4, "seed": 1} | settings))


def test_the_result_says_what_was_measured(task, tiny):
    forecaster = toto(tiny, grouping="multivariate")
    result = evaluate(task, forecaster, ["mase", "coverage_80"])
    record = result.measurement
    assert (record.num_series, record.num_variates, record.num_windows) == (2, 4, 4)
    assert (record.horizon, record.seasonality, record.quantile_levels) == (10, 4, (0.1, 0.5, 0.9))
    assert record.settings is forecaster.settings
    assert set(result.scores) == {"mase", "coverage_80"}
    assert result.num_forecasts == 8
    assert result.seconds_per_100 == pytest.approx(100 * result.seconds / 8)
    assert result.seconds > 0


def test_a_result_is_plain_values_by_name(task):
    result = evaluate(task, NAIVE)
    values = json.loads(json.dumps(result.to_dict()))
    assert values["scores"] == result.scores
    assert values["num_forecasts"] == 8
    assert values["measurement"]["settings"]["model"] == "seasonal-naive"


@pytest.mark.parametrize("grouping", ["multivariate", "univariate"])
@pytest.mark.parametrize("quantiles_from", ["paths", "distribution"])
def test_scores_do_not_depend_on_how_many_windows_are_forecast_at_once(
    task, tiny, monkeypatch, grouping, quantiles_from
):
    forecaster = toto(tiny, grouping=grouping, quantiles_from=quantiles_from)
    together = evaluate(task, forecaster).scores
    monkeypatch.setattr(evaluator, "_STEPS_AT_ONCE", 1)
    assert evaluate(task, forecaster).scores == pytest.approx(together, rel=1e-9)


def test_quantiles_are_those_of_the_forecaster_on_the_end_of_the_history(tiny):
    history = np.random.default_rng(0).normal(size=(3, 50))
    target = Target(10, 4, (0.1, 0.5))
    (found,) = toto(tiny, grouping="multivariate").quantiles([history], target, [7])
    series = MaskedTimeseries.from_array(history)
    expected = TotoForecaster(tiny).forecast(series, 10, 4, seed=1, series_ids=[7]).quantile([0.1, 0.5])
    np.testing.assert_allclose(found, expected[:, 0].numpy())


def test_univariate_variates_do_not_see_each_other_and_keep_their_paths(tiny):
    rng = np.random.default_rng(0)
    histories, target = [rng.normal(size=(3, 24)), rng.normal(size=(2, 30))], Target(10, 4, (0.5,))
    forecaster = toto(tiny, grouping="univariate")
    together = forecaster.quantiles(histories, target, [0, 3])
    assert [found.shape for found in together] == [(1, 3, 10), (1, 2, 10)]
    (alone,) = forecaster.quantiles([histories[1][1:]], target, [4])
    np.testing.assert_allclose(together[1][:, 1:], alone)


def test_the_forecaster_sees_its_context_alone(task, tiny):
    lengths = []

    class Spy(TotoUnderTest):
        def quantiles(self, histories, target, ids):
            lengths.extend(history.shape[1] for history in histories)
            return super().quantiles(histories, target, ids)

    spy = Spy(tiny, Settings("tiny", context=30, num_samples=2, seed=0))
    evaluate(task, spy, ["mae"])
    assert lengths == [30, 30, 25, 30]


def test_progress_counts_windows(task, monkeypatch):
    monkeypatch.setattr(evaluator, "_STEPS_AT_ONCE", 1)
    calls = []
    evaluate(task, NAIVE, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_histories_that_never_change_are_reported_once(caplog):
    series = np.stack([np.ones(30), np.arange(30.0)])
    with caplog.at_level(logging.WARNING):
        scores = evaluate(last_windows("flat", [series], 5, 2, num_windows=2), NAIVE).scores
    assert scores["mase"] == pytest.approx(np.mean([2, 2, 4, 4, 6]) / 2)
    (record,) = caplog.records
    assert record.getMessage() == (
        "flat: MASE leaves out 2 of 4 forecasts, whose history never changes from season to season"
    )


def test_a_metric_may_be_named_alone_or_twice(task):
    assert evaluate(task, NAIVE, "mae").scores == evaluate(task, NAIVE, ["mae", "mae"]).scores


@pytest.mark.parametrize("forecaster", ["toto-nano", None, Settings("toto-nano")])
def test_a_name_is_no_forecaster(as_users_call, task, forecaster):
    with pytest.raises(InputError, match=r"forecaster must have settings and quantiles\(\.\.\.\), got "):
        evaluate(task, forecaster)


def test_an_unknown_metric_is_an_error_before_anything_is_forecast(task):
    with pytest.raises(InputError, match=r"metrics must be among mase, .*, got wape"):
        evaluate(task, NAIVE, ["wape"])
