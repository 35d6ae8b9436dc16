import numpy as np
import pytest

from toto.training.synthetic.seasonality import (
    PERIODS,
    any_season,
    by_cycle,
    cycles,
    one_season,
    sample_periods,
)


def share_of_power(series: np.ndarray, period: float) -> np.ndarray:
    """The share of the variance that lies within half a frequency step of a harmonic of the period."""
    power = np.abs(np.fft.rfft(series - series.mean(axis=1, keepdims=True), axis=1)) ** 2
    cycles_in_series = np.arange(power.shape[1]) * period / series.shape[1]
    harmonic = (np.abs(cycles_in_series - np.rint(cycles_in_series)) < 0.5 * period / series.shape[1]) & (
        np.rint(cycles_in_series) > 0
    )
    return power[:, harmonic].sum(axis=1) / power.sum(axis=1)


@pytest.mark.parametrize("period", [7.0, 24.0, 52.18])
def test_the_spectrum_of_a_season_lies_at_multiples_of_its_frequency(rng, period):
    series = one_season(rng, np.full((100, 1), period, dtype=np.float32), int(40 * period))
    assert np.median(share_of_power(series, period)) > 0.95


def test_most_seasons_repeat_after_their_period(rng, autocorrelation):
    series = one_season(rng, np.full((100, 1), 24, dtype=np.float32), 24 * 20)
    assert np.median(autocorrelation(series, 24)) > 0.8


def test_half_of_the_periods_come_from_the_table(rng):
    periods = sample_periods(rng, 2000, 1024)
    known = {(np.float32(first), np.float32(second)) for first, second in PERIODS}
    from_table = np.array([tuple(pair) in known for pair in periods])
    assert from_table.mean() == pytest.approx(0.5, abs=0.05)
    free = periods[~from_table]
    assert free.min() >= 3.0
    assert free[:, 0].max() <= 0.9 * 1024 + 1
    assert (free[:, 0] == np.rint(free[:, 0])).mean() == pytest.approx(0.5, abs=0.07)


def test_cycles_longer_than_the_series_are_rare(rng):
    periods = sample_periods(rng, 2000, 128)
    assert (periods[:, 0] > 128).mean() < 0.1


def test_the_strength_of_a_cycle_holds_until_the_next(rng):
    cycle = np.repeat(np.arange(10)[None], 3, axis=0).repeat(5, axis=1)
    strength = by_cycle(rng, cycle).reshape(3, 10, 5)
    np.testing.assert_array_equal(strength, np.broadcast_to(strength[..., :1], strength.shape))
    assert (strength > 0).all()
    assert len(np.unique(strength)) == 30


@pytest.mark.parametrize("generate", [cycles, any_season])
@pytest.mark.parametrize(("num_series", "length"), [(1, 64), (7, 8192)])
def test_seasons_of_any_size_are_finite(rng, generate, num_series, length):
    series = generate(rng, num_series, length)
    assert series.shape == (num_series, length)
    assert np.isfinite(series).all()
