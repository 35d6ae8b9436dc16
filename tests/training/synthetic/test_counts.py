import numpy as np
import pytest

from toto.training.synthetic.counts import counts, intermittent, overdispersed, poisson, zero_inflated


@pytest.mark.parametrize("mean", [0.1, 5.0, 40.0, 100.0, 5000.0])
def test_poisson_numbers_have_a_variance_equal_to_their_mean(rng, mean):
    numbers = poisson(rng, np.full((10, 20_000), mean, dtype=np.float32)).astype(np.float64)
    assert numbers.mean() == pytest.approx(mean, rel=0.02, abs=0.01)
    assert numbers.var() == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize("generate", [counts, overdispersed, intermittent])
def test_counts_are_whole_and_not_negative(rng, generate):
    series = generate(rng, 50, 256)
    assert (series >= 0).all()
    np.testing.assert_array_equal(series, np.round(series))


def test_sales_vary_more_than_poisson_numbers(rng):
    series = overdispersed(rng, 200, 512).astype(np.float64)
    assert np.median(series.var(axis=1) / (series.mean(axis=1) + 1e-9)) > 2.0


def test_intermittent_series_are_0_at_half_to_99_steps_in_100(rng):
    zeros = (intermittent(rng, 400, 2048) == 0).mean(axis=1)
    assert zeros.min() > 0.45
    assert zeros.max() < 0.998
    assert np.median(zeros) == pytest.approx(1 - np.sqrt(0.5 * 0.01), abs=0.03)


def test_zero_inflated_series_are_0_at_some_steps_and_positive_at_others(rng):
    series = zero_inflated(rng, 300, 512)
    assert (series >= 0).all()
    assert 0.3 < (series == 0).mean() < 0.9
    assert ((series == 0).any(axis=1) & (series > 0).any(axis=1)).mean() > 0.9
