"""Seasonal naive and repeat-last."""

from statistics import NormalDist

import numpy as np
import pytest

from toto.evaluation.baselines import SeasonalNaive
from toto.evaluation.forecaster import Target
from toto.evaluation.record import Settings

NAIVE = SeasonalNaive(Settings("seasonal-naive"))
LAST = SeasonalNaive(Settings("repeat-last"), seasonality=1)


def median(forecaster: SeasonalNaive, history, horizon: int, season: int) -> np.ndarray:
    target = Target(horizon, season, (0.5,))
    return forecaster.quantiles([np.atleast_2d(np.asarray(history, float))], target, [0])[0][0]


def test_the_median_is_the_last_season_again():
    history = [[9, 9, 1, 2, 3], [9, 9, 4, 5, 6]]
    np.testing.assert_array_equal(
        median(NAIVE, history, 7, season=3), [[1, 2, 3, 1, 2, 3, 1], [4, 5, 6, 4, 5, 6, 4]]
    )
    np.testing.assert_array_equal(median(LAST, history, 2, season=3), [[3, 3], [6, 6]])


def test_quantiles_are_normal_and_widen_with_the_square_root_of_the_seasons():
    history = np.array([[0.0, 0.0, 3.0, 4.0]])
    levels = (0.1, 0.5, 0.975)
    (found,) = NAIVE.quantiles([history], Target(5, 2, levels), [0])
    sigma = np.sqrt((9 + 16) / 2) * np.sqrt([1, 1, 2, 2, 3])
    expected = [np.array([3, 4, 3, 4, 3]) + NormalDist().inv_cdf(level) * sigma for level in levels]
    np.testing.assert_allclose(found[:, 0], expected)


def test_missing_values_are_replaced_by_the_last_known_at_their_place_in_the_season():
    nan = np.nan
    history = [[1, nan, 3, 4, nan, nan], [nan, nan, nan, nan, 7, nan], [nan] * 6]
    np.testing.assert_array_equal(median(NAIVE, history, 3, season=3), [[4, 4, 3], [7, 7, 7], [0, 0, 0]])
    np.testing.assert_array_equal(median(LAST, history, 1, season=3), [[4], [7], [0]])


def test_missing_values_count_in_no_residual():
    (found,) = NAIVE.quantiles([np.array([[1.0, np.nan, 5.0, 6.0, 9.0, 6.0]])], Target(2, 2, (0.1,)), [0])
    sigma = np.sqrt((16 + 16 + 0) / 3)
    np.testing.assert_allclose(found[0, 0], np.array([9, 6]) + NormalDist().inv_cdf(0.1) * sigma)


def test_a_history_within_a_season_repeats_its_last_value():
    np.testing.assert_array_equal(median(NAIVE, [1, 2, 5], 2, season=3), [[5, 5]])
    np.testing.assert_array_equal(median(NAIVE, [4], 2, season=24), [[4, 4]])


def test_seasonal_naive_is_that_of_statsforecast():
    models = pytest.importorskip("statsforecast.models")
    history = np.random.default_rng(0).normal(size=50).cumsum()
    theirs = models.SeasonalNaive(season_length=7).forecast(y=history, h=20, level=[80])
    (found,) = NAIVE.quantiles([history[None]], Target(20, 7, (0.1, 0.5, 0.9)), [0])
    for values, name in zip(found, ("lo-80", "mean", "hi-80"), strict=True):
        np.testing.assert_allclose(values[0], np.asarray(theirs[name]))
