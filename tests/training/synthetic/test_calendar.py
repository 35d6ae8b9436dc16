import numpy as np
import pytest

from toto.training.synthetic import calendar as module
from toto.training.synthetic.calendar import (
    POINTS,
    STEPS_PER_DAY,
    between_days,
    calendar,
    days_in_a_row,
    draw_steps_per_day,
    draw_week,
    holidays,
    one_calendar,
    sample_days,
    weather,
)


def kinds(num_series: int, kind: float) -> np.ndarray:
    return np.full((num_series, 1), kind, dtype=np.float32)


@pytest.fixture
def quiet(monkeypatch):
    """No weather, no holidays, no time of year."""
    monkeypatch.setattr(module, "weather", lambda rng, n, days: np.zeros((n, days), np.float32))
    monkeypatch.setattr(module, "yearly", lambda rng, day: np.zeros(day.shape, np.float32))
    monkeypatch.setattr(module, "holidays", lambda rng, day: np.zeros(day.shape, bool))


@pytest.mark.parametrize("steps_per_day", STEPS_PER_DAY)
def test_a_week_repeats_exactly_where_nothing_disturbs_it(rng, quiet, steps_per_day):
    week = sample_days(draw_week(rng, kinds(4, 0.9)), steps_per_day)
    series = days_in_a_row(rng, week, 15 * steps_per_day, 3)
    np.testing.assert_allclose(series[:, 7 * steps_per_day :], series[:, : 8 * steps_per_day], atol=1e-5)


def test_days_are_equal_or_weekends_differ_or_every_day_does(rng, monkeypatch):
    monkeypatch.setattr(module, "smooth", lambda rng, week: week)
    monkeypatch.setattr(module, "chosen", lambda rng, n, share: np.array([], dtype=np.int64))
    equal, weekend, all_differ = draw_week(
        rng, np.repeat(kinds(50, 1.0), 3, 0) * np.repeat([[0.2], [0.5], [0.9]], 50, 0).astype(np.float32)
    ).reshape(3, 50, 7, POINTS)
    np.testing.assert_array_equal(equal, np.broadcast_to(equal[:, :1], equal.shape))
    np.testing.assert_array_equal(weekend[:, 1:5], np.broadcast_to(weekend[:, :1], weekend[:, 1:5].shape))
    np.testing.assert_array_equal(weekend[:, 5], weekend[:, 6])
    assert (np.abs(weekend[:, 5] - weekend[:, 0]).max(axis=1) > 0.1).mean() > 0.8
    assert (np.abs(all_differ[:, 1] - all_differ[:, 0]).max(axis=1) > 0.1).mean() > 0.9


@pytest.mark.parametrize("steps_per_day", [1, 4, 24, 96])
def test_fewer_points_a_day_are_means_of_the_points(rng, steps_per_day):
    week = draw_week(rng, kinds(3, 0.9))
    sampled = sample_days(week, steps_per_day)
    assert sampled.shape == (3, 7, steps_per_day)
    np.testing.assert_allclose(sampled.mean(axis=2), week.mean(axis=2), atol=1e-5)


def test_more_points_a_day_lie_on_lines_between_the_points(rng):
    week = draw_week(rng, kinds(3, 0.9))
    sampled = sample_days(week, 288)
    assert sampled.min() >= week.min() - 1e-5
    assert sampled.max() <= week.max() + 1e-5


def test_holidays_return_on_their_dates(rng):
    day = np.repeat(np.arange(5 * 1461)[None], 200, axis=0)
    found = holidays(rng, day)
    np.testing.assert_array_equal(found[:, 1461:], found[:, :-1461])  # four years of 365.25 days
    per_year = found.mean(axis=1) * 365.25
    assert (per_year == 0).mean() == pytest.approx(0.5, abs=0.12)
    assert per_year.max() < 16


def test_values_between_days_lie_on_lines(rng):
    per_day = rng.standard_normal((2, 6), dtype=np.float32)
    lines = between_days(per_day, 4).reshape(2, 20)
    np.testing.assert_allclose(lines[:, ::4], per_day[:, :5], atol=1e-6)
    np.testing.assert_allclose(np.diff(lines.reshape(2, 5, 4), n=2), 0.0, atol=1e-5)


def test_weather_lasts_and_has_variance_1(rng, autocorrelation):
    days = weather(rng, 500, 400)
    assert days.std() == pytest.approx(1.0, abs=0.05)
    assert autocorrelation(days, 1).mean() == pytest.approx(0.45, abs=0.1)


def test_hourly_series_of_a_calendar_have_the_period_of_a_week(rng, autocorrelation, monkeypatch):
    monkeypatch.setattr(module, "STEPS_PER_DAY", {24: 1.0})
    series = calendar(rng, 200, 168 * 8)
    assert np.median(autocorrelation(series, 168)) > 0.75
    assert (autocorrelation(series, 168) > autocorrelation(series, 84)).mean() > 0.75


@pytest.mark.parametrize("length", [64, 512, 4096])
def test_most_days_fit_into_the_series(rng, length):
    drawn = np.concatenate([draw_steps_per_day(rng, 8, length) for _ in range(100)])
    assert set(drawn) <= set(STEPS_PER_DAY)
    assert (drawn < length).mean() > 0.8


def test_series_of_one_calendar_share_their_days(rng, autocorrelation, monkeypatch):
    monkeypatch.setattr(module, "STEPS_PER_DAY", {24: 1.0})
    shared = np.concatenate([one_calendar(rng, 4, 1344) for _ in range(20)])
    assert np.median(autocorrelation(shared, 168)) > 0.7
