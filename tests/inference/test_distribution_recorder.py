"""What is kept of predictions that are no distributions, for their draws became 0."""

import pytest
import torch

from toto import MaskedTimeseries, TotoForecaster


def forecast(toto, values, horizon=20):
    inputs = MaskedTimeseries.from_array(values)
    return TotoForecaster(toto).forecast(inputs, horizon, 4, seed=0, keep_distribution=True)


def walk(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(-1)


@pytest.mark.parametrize("horizon", [5, 20])
def test_where_draws_overflow_and_become_0_so_does_the_distribution(tiny, caplog, horizon):
    values = walk(2, 1, 40)
    values[1] *= 1e300  # its squares are beyond float64
    result = forecast(tiny, values, horizon)
    assert (result.samples[1] == 0).all()
    for found in (result.mean, result.median, result.quantile(0.99)):
        assert found.isfinite().all()
        assert (found[1].abs() < 1e-30).all()
        assert (found[0].abs() > 1e-30).all()
    probability = result.distribution.cdf(torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1))[:, 1]
    torch.testing.assert_close(probability[0], torch.zeros_like(probability[0]))
    torch.testing.assert_close(probability[1], torch.ones_like(probability[1]))
    assert len(caplog.records) == 1
    assert f"{4 * horizon} of {8 * horizon} forecast values were not finite" in caplog.text


def test_only_the_steps_that_are_not_finite_are_changed(tiny):
    values = walk(1, 2, 40)
    expected = forecast(tiny, values, 8)
    with torch.no_grad():
        tiny.model.unembed.weight[:32] = float("nan")  # the first step of every patch
    found = forecast(tiny, values, 8)
    assert (found.mean[..., 0].abs() < 1e-30).all()
    torch.testing.assert_close(found.mean[..., 1:], expected.mean[..., 1:])
    torch.testing.assert_close(found.quantile(0.9)[..., 1:], expected.quantile(0.9)[..., 1:])
