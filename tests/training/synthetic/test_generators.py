"""What each family of generators promises about its series."""

import numpy as np
import pytest

from toto.training.synthetic import (
    autoregression,
    counters,
    counts,
    events,
    noise,
    seasonality,
    trend,
    utilisation,
)
from toto.training.synthetic.compose import deform, multiply_out, quantise, rectify
from toto.training.synthetic.draws import fill_by_choice, log_uniform, standardise, uniform


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def autocorrelation(series: np.ndarray, lag: int) -> np.ndarray:
    centred = series - series.mean(axis=1, keepdims=True)
    return (centred[:, lag:] * centred[:, :-lag]).mean(axis=1) / (centred**2).mean(axis=1)


def test_draws_stay_in_their_ranges(rng):
    assert uniform(rng, 1000, -2.0, 3.0).min() >= -2.0
    low, high = 0.1, 1000.0
    values = log_uniform(rng, 4000, low, high)
    assert values.min() >= low * 0.999
    assert values.max() <= high * 1.001
    assert np.median(values) == pytest.approx(np.sqrt(low * high), rel=0.2)


def test_standardised_series_have_mean_0_and_deviation_1_and_constant_ones_are_0(rng):
    series = standardise(5.0 + 3.0 * rng.standard_normal((4, 256), dtype=np.float32))
    np.testing.assert_allclose(series.mean(axis=1), 0.0, atol=1e-5)
    np.testing.assert_allclose(series.std(axis=1), 1.0, atol=1e-4)
    assert not standardise(np.full((2, 16), 7.0, dtype=np.float32)).any()


def test_choices_follow_their_weights(rng):
    one = lambda rng, n, length: np.ones((n, length), np.float32)  # noqa: E731
    two = lambda rng, n, length: np.full((n, length), 2.0, np.float32)  # noqa: E731
    chosen = fill_by_choice(rng, 2000, 1, [(one, 3.0), (two, 1.0)])
    assert (chosen == 1.0).mean() == pytest.approx(0.75, abs=0.05)


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


def test_ar1_has_its_coefficient_and_variance_1(rng):
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
    assert np.abs(series[:, 0] - series[:, -1]).mean() > 3 * np.abs(np.diff(series, axis=1)).mean()


@pytest.mark.parametrize("period", [7.0, 24.0, 52.18])
def test_a_season_repeats_after_its_period(rng, period):
    phase = np.arange(512, dtype=np.float32)[None] / np.full((40, 1), period, dtype=np.float32)
    shape = seasonality.shape_of(np.random.default_rng(1), phase % 1.0)
    again = seasonality.shape_of(np.random.default_rng(1), (phase + 3.0) % 1.0)
    assert np.median(np.abs(shape - again)) < 1e-3


def test_seasons_have_the_asked_period(rng):
    series = seasonality.one_season(rng, np.full((100, 1), 24, dtype=np.float32), 24 * 20)
    assert np.median(autocorrelation(series, 24)) > 0.8


def test_periods_come_mostly_from_the_table(rng):
    periods = seasonality.sample_periods(rng, 1000, 512)
    known = {np.float32(first) for first, _ in seasonality.PERIODS}
    share = np.mean([first in known for first in periods[:, 0]])
    assert share == pytest.approx(0.75, abs=0.05)
    assert len(seasonality.WEIGHTS) == len(seasonality.PERIODS)


def test_a_profile_is_read_on_straight_lines_and_closes():
    table = np.array([[0.0, 2.0, 4.0, 2.0]], dtype=np.float32)
    phase = np.array([[0.0, 0.125, 0.5, 0.875]], dtype=np.float32)
    np.testing.assert_allclose(seasonality.interpolate_profile(table, phase), [[0.0, 1.0, 4.0, 1.0]])


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


@pytest.mark.parametrize("generate", [counts.counts, counts.intermittent])
def test_counts_are_whole_and_not_negative(rng, generate):
    series = generate(rng, 30, 256)
    assert (series >= 0).all()
    np.testing.assert_array_equal(series, np.round(series))


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


def test_quiet_and_loud_stretches_of_heteroscedastic_noise_last(rng):
    size = np.abs(noise.heteroscedastic(rng, 200, 1000))
    assert autocorrelation(size, 5).mean() > 0.1


def test_deformations_keep_what_they_promise(rng):
    series = standardise(rng.standard_normal((50, 200), dtype=np.float32))
    assert (multiply_out(rng, series) > 0).all()
    assert (rectify(rng, series) >= 0).all()
    assert all(len(np.unique(row)) < 150 for row in quantise(rng, series[:5]))
    changed = (deform(rng, series.copy()) != series).any(axis=1)
    assert 0.1 < changed.mean() < 0.6
