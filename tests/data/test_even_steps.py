import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toto.data.even_steps import fit_even_steps
from toto.data.time_grid import EvenGrid

START = np.datetime64("2024-01-01 00:00:00", "us")


def after(*seconds: float) -> np.ndarray:
    return START + (np.array(seconds) * 1e6).round().astype("m8[us]")


def test_a_stamp_off_the_grid_does_not_move_the_others():
    assert fit_even_steps(after(180, 3600, 7200, 10800)) == (START, np.timedelta64(3600, "s"))


def test_the_shortest_interval_is_the_step_where_few_steps_are_free():
    assert EvenGrid(*fit_even_steps(np.array([0, 2, 4, 5, 7, 9]))) == EvenGrid(0, 1)
    assert EvenGrid(*fit_even_steps(np.array([0, 3, 6, 7, 9, 12]))) == EvenGrid(0, 3)


def test_a_clock_that_slips_has_the_mean_step():
    seconds = np.cumsum(np.where(np.arange(500) % 10 == 0, 61, 60))
    _, step = fit_even_steps(after(*seconds))
    assert step == np.timedelta64(60_100, "ms")


@given(
    st.sampled_from([0.5, 1, 7.5, 15, 60, 300, 3600, 86_400]),
    st.floats(0.001, 0.2),
    st.integers(30, 300),
    st.integers(0, 2**32 - 1),
)
def test_stamps_that_jitter_have_the_round_step_and_keep_their_places(step, jitter, count, seed):
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero(rng.random(count) < 0.9)
    if len(kept) < 20:
        return
    stamps = after(*(step * (kept + 10 + rng.uniform(-jitter, jitter, len(kept)))))
    grid = EvenGrid(*fit_even_steps(stamps))
    places = grid.nearest(stamps)
    np.testing.assert_array_equal(places - places[0], kept - kept[0])
    assert grid.interval_seconds == pytest.approx(step, rel=0.02)


def test_numbers_that_jitter_have_a_round_step():
    rng = np.random.default_rng(0)
    start, step = fit_even_steps(0.1 * np.arange(100) + rng.uniform(-0.01, 0.01, 100))
    assert (round(float(start), 9), step) == (0, 0.1)
