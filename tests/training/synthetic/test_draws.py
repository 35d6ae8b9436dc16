import numpy as np
import pytest

from toto.training.synthetic.draws import (
    chosen,
    fill_by_choice,
    log_uniform,
    look_up,
    normal,
    product,
    standardise,
    uniform,
)


def test_draws_stay_in_their_ranges(rng):
    values = uniform(rng, 1000, -2.0, 3.0)
    assert values.min() >= -2.0
    assert values.max() <= 3.0
    low, high = 0.1, 1000.0
    values = log_uniform(rng, 4000, low, high)
    assert values.min() >= low * 0.999
    assert values.max() <= high * 1.001
    assert np.median(values) == pytest.approx(np.sqrt(low * high), rel=0.2)


def test_normal_values_have_the_moments_of_the_normal_distribution(rng):
    values = normal(rng, 401, 1001)  # an odd number of values: the last pair is cut
    assert values.shape == (401, 1001)
    assert values.dtype == np.float32
    moments = [float((values.astype(np.float64) ** power).mean()) for power in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0.0, 1.0, 0.0, 3.0], atol=0.04)
    assert 4.0 < np.abs(values).max() < 6.5


def test_the_two_halves_of_the_normal_values_are_independent(rng):
    first, second = normal(rng, 2, 200_000)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.0, abs=0.01)
    assert np.corrcoef(first**2, second**2)[0, 1] == pytest.approx(0.0, abs=0.01)


def test_standardised_series_have_mean_0_and_deviation_1_and_constant_ones_are_0(rng):
    series = standardise(5.0 + 3.0 * rng.standard_normal((4, 256), dtype=np.float32))
    np.testing.assert_allclose(series.mean(axis=1), 0.0, atol=1e-5)
    np.testing.assert_allclose(series.std(axis=1), 1.0, atol=1e-4)
    assert not standardise(np.full((2, 16), 7.0, dtype=np.float32)).any()


def test_choices_follow_their_weights(rng):
    one = lambda rng, n, length: np.ones((n, length), np.float32)  # noqa: E731
    two = lambda rng, n, length: np.full((n, length), 2.0, np.float32)  # noqa: E731
    filled = fill_by_choice(rng, 20_000, 1, [(one, 3.0), (two, 1.0)])
    assert (filled == 1.0).mean() == pytest.approx(0.75, abs=0.05)


def test_some_series_are_chosen_by_their_share(rng):
    assert len(chosen(rng, 10_000, 0.3)) == pytest.approx(3000, abs=200)
    assert len(chosen(rng, 100, 0.0)) == 0


def test_a_product_is_a_matrix_product(rng):
    a, b = rng.standard_normal((3, 4, 5), dtype=np.float32), rng.standard_normal((3, 5, 2), dtype=np.float32)
    np.testing.assert_allclose(product(a, b), a @ b, atol=1e-5)


def test_a_table_is_looked_up_series_by_series(rng):
    table = rng.standard_normal((3, 7), dtype=np.float32)
    index = rng.integers(0, 7, (3, 20))
    np.testing.assert_array_equal(look_up(table, index), np.take_along_axis(table, index, axis=1))
