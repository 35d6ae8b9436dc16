import numpy as np
import pytest
import scipy.stats

from toto.anomaly.combine import fisher, simes, to_blame


def probabilities(variates: int = 5, steps: int = 400) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(variates, steps)) ** 3


def test_fisher_is_that_of_scipy():
    p = probabilities()
    expected = [scipy.stats.combine_pvalues(column, "fisher").pvalue for column in p.T]
    np.testing.assert_allclose(fisher(np.log10(p)), np.log10(expected), rtol=1e-9, atol=1e-12)


def test_simes_is_the_least_of_the_ordered_probabilities_times_number_over_rank():
    p = probabilities()
    ordered = np.sort(p, 0)
    expected = np.log10((ordered * 5 / np.arange(1, 6)[:, None]).min(0).clip(max=1))
    np.testing.assert_allclose(simes(np.log10(p)), expected)


@pytest.mark.parametrize("combine", [simes, fisher])
def test_combined_uniform_probabilities_are_uniform(combine):
    p = np.random.default_rng(1).uniform(size=(7, 20_000))
    combined = 10 ** combine(np.log10(p))
    for level in (0.01, 0.1, 0.5):
        assert (combined <= level).mean() == pytest.approx(level, rel=0.15)


@pytest.mark.parametrize("combine", [simes, fisher])
def test_one_variate_is_itself_and_missing_ones_are_left_out(combine):
    p = np.log10(probabilities(1))
    np.testing.assert_allclose(combine(p), p[0], atol=1e-12)
    with_gap = np.concatenate([p, np.full_like(p, np.nan)])
    np.testing.assert_allclose(combine(with_gap), p[0], atol=1e-12)
    assert np.isnan(combine(np.full((2, 3), np.nan))).all()


def test_far_probabilities_do_not_underflow():
    for combine in (simes, fisher):
        assert combine(np.full((3, 1), -400.0))[0] < -399
        assert combine(np.zeros((3, 1)))[0] == 0


def test_the_variates_to_blame_are_those_that_stand_out():
    assert to_blame(np.array([-6.0, -0.3, -5.0, np.nan]), -3).tolist() == [True, False, True, False]
    assert to_blame(np.array([-0.2, -0.1]), -3).tolist() == [True, False]
    assert to_blame(np.array([np.nan, np.nan]), -3).tolist() == [False, False]
