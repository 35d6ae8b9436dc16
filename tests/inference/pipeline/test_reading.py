import numpy as np
import pytest

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.inference.pipeline.reading import Reading, a_patch_early


def series(**covariates):
    return RegularSeries(np.arange(20.0)[None], ("y",), EvenGrid(0, 1), **covariates)


@pytest.fixture
def labelled():
    """The reading of a model that tells covariates from targets, with patches of 8 steps."""
    return Reading(patch_size=8, context=12, horizon=5, labelled=True)


def test_a_known_value_is_read_a_patch_early_and_the_last_one_stays():
    known = np.array([[10.0, 11, 12, 13, 14]])
    np.testing.assert_array_equal(a_patch_early(known, np.arange(4), 3), [[13, 14, 14, 14]])


def test_past_covariates_are_exogenous_and_stay_at_their_last_value_over_the_horizon(labelled):
    past = 100 + np.arange(20.0)[None]
    past[0, 18:] = np.nan
    one = series(past=past)
    np.testing.assert_array_equal(labelled.seen(one), np.arange(8.0, 20)[None])
    expected = [*np.arange(108.0, 118), np.nan, np.nan, *[117.0] * 5]
    np.testing.assert_array_equal(labelled.exogenous(one), [expected])
    empty = labelled.exogenous(series(past=np.full((1, 20), np.nan)))
    np.testing.assert_array_equal(empty[0, 12:], np.zeros(5))


def test_without_labels_past_covariates_are_variates_like_the_targets():
    reading = Reading(patch_size=8, context=12, horizon=5)
    one = series(past=np.ones((1, 20)), static=np.ones(2), known=np.ones((3, 25)))
    assert reading.seen(one).shape == (2, 12)
    assert reading.exogenous(one).shape == (5, 17)
    assert reading.num_exogenous(one) == 5
    assert reading.num_rows(one) == 7


def test_static_values_are_waves_whose_phase_tells_them_wherever_the_context_begins(labelled):
    one = series(static=np.array([-1.0, 0.0, 2.0, np.nan]))
    waves = labelled.exogenous(one)
    assert waves.shape == (4, 17)
    assert labelled.num_exogenous(one) == 4
    np.testing.assert_allclose(waves[:, :8].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(waves[:, :8], waves[:, 8:16], atol=1e-12)
    assert np.abs(waves[0] - waves[2]).max() > 0.5
    np.testing.assert_array_equal(waves[1], waves[3])
    np.testing.assert_allclose(labelled.exogenous(one.until(17, 5)), waves, atol=1e-12)


def test_the_order_is_past_static_known(labelled):
    one = series(past=np.full((1, 20), 7.0), static=np.zeros(1), known=np.full((1, 25), 9.0))
    rows = labelled.exogenous(one)
    assert (rows[0] == 7).all()
    assert (rows[2] == 9).all()
