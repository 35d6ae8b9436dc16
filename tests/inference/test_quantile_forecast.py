import pytest
import torch

from toto import InputError
from toto.inference.quantile_forecast import QuantileForecast

LEVELS = (0.1, 0.3, 0.5, 0.9)


@pytest.fixture
def forecast():
    """Quantiles 10, 30, 50, 90 of every step, plus the number of the step."""
    values = torch.tensor(LEVELS, dtype=torch.float64) * 100 + torch.arange(3)[:, None]
    return QuantileForecast(values.expand(2, 1, 3, 4).contiguous(), LEVELS)


def test_quantiles_are_those_predicted_and_linear_between_them(forecast):
    steps = torch.arange(3, dtype=torch.float64).expand(2, 1, 3)
    for number, level in enumerate(LEVELS):
        assert torch.equal(forecast.quantile(level), forecast.quantiles[..., number])
    for level in (0.15, 0.4, 0.8):
        assert torch.allclose(forecast.quantile(level), 100 * level + steps)
    several = forecast.quantile([0.1, 0.2])
    assert several.shape == (2, 2, 1, 3)
    assert torch.allclose(several[1], 20 + steps)
    assert forecast.quantile([]).shape == (0, 2, 1, 3)
    assert torch.equal(forecast.median, forecast.quantiles[..., 2])


def test_levels_that_were_not_predicted_are_errors(forecast):
    for level in (0.05, 0.95, [0.5, 1.0]):
        with pytest.raises(InputError, match=r"q must be from 0.1 to 0.9, the levels that the model"):
            forecast.quantile(level)
    with pytest.raises(InputError, match="q must be a level from 0 to 1"):
        forecast.quantile(1.5)


def test_the_mean_is_that_of_the_levels_predicted(forecast):
    steps = torch.arange(3, dtype=torch.float64).expand(2, 1, 3)
    assert torch.allclose(forecast.mean, 50 + steps)  # linear from 10 to 90
    assert torch.equal(QuantileForecast(forecast.quantiles[..., :1], (0.5,)).mean, 10 + steps)


def test_an_interval_holds_its_coverage(forecast):
    low, high = forecast.interval(0.8)
    assert torch.equal(low, forecast.quantile(0.1))
    assert torch.equal(high, forecast.quantile(0.9))
    with pytest.raises(InputError, match=r"coverage must be at most 0.8, .* levels predicted, got 0.9"):
        forecast.interval(0.9)
    with pytest.raises(InputError, match=r"coverage must be a probability from 0 to 1, got 2.0"):
        forecast.interval(2.0)


def test_infinite_quantiles_stay_infinite(forecast):
    forecast.quantiles[..., 3] = torch.inf
    forecast.quantiles[0, 0, 0] = torch.inf
    assert bool((forecast.quantile(0.9) == torch.inf).all())
    assert bool((forecast.quantile(0.7) == torch.inf).all())
    assert bool((forecast.quantile(0.2)[0, 0, 0] == torch.inf).all())
    assert forecast.quantile(0.5)[1].isfinite().all()


def test_a_forecast_moves_and_shows_its_shape(forecast):
    assert torch.equal(forecast.to("cpu").quantiles, forecast.cpu().quantiles)
    assert forecast.numpy().shape == (2, 1, 3, 4)
    assert len(forecast.each(lambda t: t[:1]).quantiles) == 1
    assert repr(forecast) == (
        "QuantileForecast([batch, variates, horizon] = [2, 1, 3], 4 levels from 0.1 to 0.9)"
    )


@pytest.mark.parametrize(
    "levels", [(0.1, 0.5, 0.9), (0.1, 0.5, 0.3, 0.9), (0.0, 0.1, 0.5, 0.9), (0.1, 0.1, 0.5, 0.9)]
)
def test_levels_that_do_not_ascend_or_fit_are_errors(forecast, levels):
    with pytest.raises(InputError, match="levels must ascend between 0 and 1, one for each of 4 quantiles"):
        QuantileForecast(forecast.quantiles, levels)
