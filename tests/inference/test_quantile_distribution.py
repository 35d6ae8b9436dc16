"""Between the quantiles and beyond them."""

import math

import pytest
import torch

from toto import InputError
from toto.inference.quantile_distribution import QuantileDistribution

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def laplace(level: torch.Tensor) -> torch.Tensor:
    """Quantiles of a distribution whose tails are exponential."""
    return torch.where(level < 0.5, (2 * level).log(), -(2 * (1 - level)).log())


@pytest.fixture
def distribution():
    """Of two steps: Laplace, and the same 10 higher and 3 times as wide."""
    values = laplace(torch.tensor(LEVELS, dtype=torch.float64))
    return QuantileDistribution(torch.stack([values, 10 + 3 * values])[None, None], LEVELS)


def test_tails_that_are_exponential_are_met_exactly(distribution):
    levels = torch.tensor([1e-6, 0.01, 0.1, 0.2, 0.5, 0.9, 0.99, 1 - 1e-6], dtype=torch.float64)
    expected = laplace(levels)
    found = distribution.quantile(levels)[:, 0, 0]
    torch.testing.assert_close(found[:, 0], expected)
    torch.testing.assert_close(found[:, 1], 10 + 3 * expected)
    outside = torch.tensor([-9.0, -3.0, 3.0, 9.0], dtype=torch.float64)
    density = distribution.log_prob(outside[:, None, None, None])[:, 0, 0, 0]
    torch.testing.assert_close(density, math.log(0.5) - outside.abs())


def test_a_normal_distribution_gets_the_tails_that_are_stated():
    values = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(LEVELS, dtype=torch.float64))
    found = QuantileDistribution(values[None, None, None], LEVELS).quantile([0.025, 0.001])
    torch.testing.assert_close(
        found.flatten(), torch.tensor([-2.16, -4.20], dtype=torch.float64), atol=0.005, rtol=0
    )


def test_the_probability_of_a_quantile_is_its_level(distribution):
    levels = [1e-9, 0.03, 0.1, 0.15, 0.5, 0.77, 0.9, 0.999]
    values = distribution.quantile(levels)
    expected = torch.tensor(levels, dtype=torch.float64)[:, None, None, None].expand(values.shape)
    torch.testing.assert_close(distribution.cdf(values), expected)
    torch.testing.assert_close(distribution.sf(values), 1 - expected)
    assert float(distribution.sf(60.0)[0, 0, 0]) == pytest.approx(0.5 * math.exp(-60.0), rel=1e-9)
    assert distribution.cdf(torch.nan).isnan().all()


def test_the_density_is_the_slope_of_the_probability(distribution):
    values = torch.linspace(-8, 12, 41, dtype=torch.float64)[:, None, None, None] + 0.123
    slope = (distribution.cdf(values + 1e-7) - distribution.cdf(values - 1e-7)) / 2e-7
    torch.testing.assert_close(distribution.log_prob(values).exp(), slope, rtol=1e-5, atol=1e-9)


def test_quantiles_of_0_and_1_are_infinite_and_levels_keep_their_shape(distribution):
    assert distribution.quantile([0.0, 1.0]).flatten().tolist() == [-math.inf, -math.inf, math.inf, math.inf]
    assert distribution.quantile([]).shape == (0, 1, 1, 2)
    torch.testing.assert_close(distribution.median, distribution.quantile(0.5))
    with pytest.raises(InputError, match="q must be a level from 0 to 1"):
        distribution.quantile(1.1)


def test_mean_and_variance_are_those_of_draws(distribution):
    draws = distribution.sample(200_000, seed=0)
    torch.testing.assert_close(draws.mean(-1), distribution.mean, atol=0.03, rtol=0)
    torch.testing.assert_close(draws.var(-1), distribution.variance, rtol=0.03, atol=0)
    torch.testing.assert_close(distribution.mean[0, 0], torch.tensor([0.0, 10.0], dtype=torch.float64))
    assert torch.equal(distribution.sample(5, seed=3), distribution.sample(5, seed=3))
    torch.testing.assert_close(
        draws.quantile(torch.tensor([0.02, 0.35, 0.98], dtype=torch.float64), -1),
        distribution.quantile([0.02, 0.35, 0.98]),
        rtol=0,
        atol=0.15,  # three standard errors of the wider step
    )


def test_equal_quantiles_are_a_point():
    point = QuantileDistribution(torch.full((1, 1, 1, 9), 5.0, dtype=torch.float64), LEVELS)
    assert point.cdf(4.99).item() == pytest.approx(0.0, abs=1e-12)
    assert point.cdf(5.0).item() == pytest.approx(0.9)
    assert point.cdf(5.01).item() == pytest.approx(1.0)
    assert point.quantile([0.001, 0.5, 0.999]).flatten().tolist() == pytest.approx([5.0, 5.0, 5.0])
    assert point.variance.item() == pytest.approx(0.0, abs=1e-12)


def test_one_level_says_nothing_of_tails():
    with pytest.raises(InputError, match=r"levels must be at least two to tell of tails, got \(0.5,\)"):
        QuantileDistribution(torch.zeros(1, 1, 1, 1), (0.5,))


def test_draws_are_finite_in_float32_where_a_level_rounds_to_1(monkeypatch):
    """Of 2^25 draws one is so near to 1."""
    distribution = QuantileDistribution(torch.tensor([[[[-1.0, 0.0, 1.0]]]]), (0.1, 0.5, 0.9))
    levels = torch.tensor([1 - 2**-53, 0.0, 0.5], dtype=torch.float64).expand(1, 1, 1, 3)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: levels.clone())
    high, low, middle = distribution.sample(3, seed=0)[0, 0, 0]
    torch.testing.assert_close(high, distribution.quantile(1 - 2**-53)[0, 0, 0])
    assert high.isfinite()
    assert low.isfinite()
    assert middle == 0
