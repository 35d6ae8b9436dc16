"""AutoETS and AutoARIMA through statsforecast."""

import re
import sys

import numpy as np
import pytest

from toto.errors import InputError, MissingExtraError
from toto.evaluation.forecaster import Target
from toto.evaluation.record import Settings
from toto.evaluation.statistical import STATISTICAL, Statistical


@pytest.mark.parametrize("name", list(STATISTICAL))
def test_without_statsforecast_the_message_says_how_to_install_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    message = f"the baseline {name} needs statsforecast: pip install 'toto-forecast[baselines]'"
    with pytest.raises(MissingExtraError, match=re.escape(message)):
        Statistical(Settings(name))


@pytest.mark.parametrize("name", list(STATISTICAL))
def test_quantiles_are_in_order_around_a_seasonal_forecast(name):
    pytest.importorskip("statsforecast")
    steps = np.arange(60)
    history = np.stack([10 + 3 * np.sin(2 * np.pi * steps / 6), steps + 0.0])
    history += 0.1 * np.random.default_rng(0).normal(size=history.shape)
    history[0, 20:23] = np.nan
    (found,) = Statistical(Settings(name)).quantiles([history], Target(6, 6, (0.025, 0.5, 0.9)), [0])
    assert found.shape == (3, 2, 6)
    assert (np.diff(found, axis=0) > 0).all()
    np.testing.assert_allclose(found[1, 0], 10 + 3 * np.sin(2 * np.pi * np.arange(6) / 6), atol=1)
    np.testing.assert_allclose(found[1, 1], 60 + np.arange(6), atol=2)


def test_a_history_that_it_cannot_fit_is_an_error():
    pytest.importorskip("statsforecast")
    with pytest.raises(InputError, match="auto-ets cannot be fitted to a history of 2 steps: "):
        Statistical(Settings("auto-ets")).quantiles([np.array([[1.0, 2.0]])], Target(3, 1, (0.5,)), [0])


def test_a_history_of_missing_values_is_forecast_as_zero():
    pytest.importorskip("statsforecast")
    target = Target(3, 1, (0.5,))
    (found,) = Statistical(Settings("auto-arima")).quantiles([np.full((1, 20), np.nan)], target, [0])
    np.testing.assert_array_equal(found, np.zeros((1, 1, 3)))
