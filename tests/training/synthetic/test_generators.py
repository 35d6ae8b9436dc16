"""What the older families of generators promise about their series."""

import numpy as np
import pytest

from toto.training.synthetic import autoregression, counters, events, noise, trend, utilisation
from toto.training.synthetic.compose import add_noise, deform, multiply_out, rectify
from toto.training.synthetic.draws import standardise


def test_a_linear_trend_has_equal_steps_and_a_damped_one_shrinking_ones(rng):
    np.testing.assert_allclose(np.diff(trend.linear(rng, 4, 64), n=2), 0.0, atol=1e-5)
    steps = np.abs(np.diff(trend.damped(rng, 4, 64)))
    assert (np.diff(steps, axis=1) < 1e-6).all()


@pytest.mark.parametrize("generate", [trend.exponential, trend.logistic])
def test_growth_is_monotonic(rng, generate):
    steps = np.diff(generate(rng, 8, 128), axis=1)
    assert ((steps >= -1e-6).all(axis=1) | (steps <= 1e-6).all(axis=1)).all()


def test_the_fast_recursion_is_the_plain_one(rng):
    inputs = rng.standard_normal((3, 50))
    coefficient = np.array([[0.9], [-0.5], [0.0]])
    expected = np.zeros_like(inputs)
    previous = np.zeros(3)
    for step in range(50):
        previous = coefficient[:, 0] * previous + inputs[:, step]
        expected[:, step] = previous
    np.testing.assert_allclose(autoregression.filter_first_order(inputs.copy(), coefficient), expected)


def test_the_recursion_can_go_back_further_than_one_step(rng):
    inputs = rng.standard_normal((2, 50))
    expected = inputs.copy()
    for step in range(7, 50):
        expected[:, step] += 0.9 * expected[:, step - 7]
    coefficient = np.full((2, 1), 0.9)
    np.testing.assert_allclose(autoregression.filter_first_order(inputs.copy(), coefficient, lag=7), expected)


def test_ar1_has_its_coefficient_and_variance_1(rng, autocorrelation):
    coefficient = np.full((200, 1), 0.8, dtype=np.float32)
    series = autoregression.ar1_with(rng, coefficient, 1000)
    assert autocorrelation(series, 1).mean() == pytest.approx(0.8, abs=0.02)
    assert series[:, 0].std() == pytest.approx(1.0, abs=0.15)
    assert series.std() == pytest.approx(1.0, abs=0.05)


def test_a_smooth_walk_is_smoother_than_a_random_walk(rng):
    rough = standardise(autoregression.random_walk(rng, 50, 512))
    smooth = standardise(autoregression.smooth_walk(rng, 50, 512))
    assert np.abs(np.diff(smooth, n=2)).mean() < 0.5 * np.abs(np.diff(rough, n=2)).mean()


def test_long_memory_does_not_join_its_end_to_its_start(rng):
    series = autoregression.long_memory(rng, 100, 256)
    assert np.abs(series[:, 0] - series[:, -1]).mean() > 2 * np.abs(np.diff(series, axis=1)).mean()


def test_level_shifts_hold_their_levels_and_spikes_are_rare(rng):
    shifts = events.level_shifts(rng, 50, 512)
    assert (np.diff(shifts, axis=1) != 0).mean() < 0.05
    assert (events.spikes(rng, 50, 512) > 0).mean() < 0.06
    assert set(np.unique(events.switching(rng, 20, 256))) == {0.0, 1.0}


def test_bursts_die_away(rng):
    series = events.bursts(rng, 50, 512)
    assert (series >= 0).all()
    assert (np.diff(series, axis=1) < 0).mean() > 3 * (np.diff(series, axis=1) > 0).mean()


def test_counters_fall_only_at_a_reset_and_start_again_near_0(rng):
    series = counters.counter(rng, 50, 512)
    falls = np.diff(series, axis=1) < 0
    assert 0 < falls.sum() < 50 * 12
    assert np.abs(series[:, 1:][falls]).max() == 0.0


def test_since_last_counts_from_the_latest_mark():
    marks = np.array([[0, 0, 1, 0, 1, 0]], dtype=np.float32)
    line = np.array([[1, 2, 3, 4, 5, 6]], dtype=np.float32)
    np.testing.assert_array_equal(counters.since_last(marks, line), [[0, 1, 0, 1, 0, 1]])


def test_a_tally_goes_up_by_whole_ones(rng):
    assert set(np.unique(np.diff(counters.tally(rng, 50, 512), axis=1))) == {0.0, 1.0}


def test_a_sawtooth_falls_suddenly_or_the_reverse(rng):
    changes = np.diff(counters.sawtooth(rng, 200, 512), axis=1)
    skewness = (changes**3).mean(axis=1)
    assert (skewness < 0).mean() == pytest.approx(0.5, abs=0.12)


def test_prices_are_positive_and_their_changes_unpredictable(rng, autocorrelation):
    series = autoregression.price(rng, 200, 1024)
    assert (series > 0).all()
    assert abs(np.median(autocorrelation(np.diff(np.log(series), axis=1), 1))) < 0.05


def test_utilisation_stays_within_its_bounds_and_reaches_them(rng):
    series = utilisation.bounded(rng, 100, 256)
    assert series.min() == 0.0
    assert series.max() == 1.0


def test_the_tails_of_noise_differ(rng):
    kurtosis = lambda x: (standardise(x) ** 4).mean()  # noqa: E731
    assert kurtosis(noise.gaussian(rng, 50, 1000)) == pytest.approx(3.0, abs=0.2)
    assert kurtosis(noise.laplace(rng, 50, 1000)) > 4.5
    assert kurtosis(noise.student_t(rng, 50, 1000)) > 6.0
    assert (noise.skewed(rng, 5, 100) > 0).all()


def test_quiet_and_loud_stretches_of_heteroscedastic_noise_last(rng, autocorrelation):
    size = np.abs(noise.heteroscedastic(rng, 200, 1000))
    assert autocorrelation(size, 5).mean() > 0.1


def test_deformations_keep_what_they_promise(rng):
    series = standardise(rng.standard_normal((50, 200), dtype=np.float32))
    assert (multiply_out(rng, series) > 0).all()
    assert (rectify(rng, series) >= 0).all()
    changed = (deform(rng, series.copy()) != series).any(axis=1)
    assert 0.1 < changed.mean() < 0.6


def test_noise_is_absent_from_a_fifth_of_the_series_and_follows_the_season_in_some(rng):
    season = np.tile(np.repeat([-1.0, 1.0], 50), (600, 4)).astype(np.float32)
    noise_of = add_noise(rng, np.zeros_like(season), season)
    silent = ~noise_of.any(axis=1)
    assert silent.mean() == pytest.approx(0.2, abs=0.05)
    high, low = (noise_of[~silent][:, season[0] == side].std(axis=1) for side in (1, -1))
    assert (high > 1.5 * low).mean() > 0.1
    assert 0.01 < np.median(noise_of[~silent].std(axis=1)) < 0.3
