import json

import numpy as np
import pytest

from toto import InputError
from toto.streaming.clock import Clock
from toto.streaming.member import History


@pytest.mark.parametrize(
    "times",
    [
        np.array(["2026-01-01T00:00", "2026-01-01T00:05", "2026-01-01T00:15"], "M8[ns]"),
        [0.5, 5.5, 15.5],
        [10**9, 10**9 + 5, 10**9 + 15],
    ],
)
def test_a_clock_survives_json(times):
    clock = Clock.of(times)
    again = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert again.follow(times)[0].tolist() == clock.follow(times)[0].tolist() == [0, 1, 3]
    assert again.time(3) == clock.time(3)


@pytest.mark.parametrize("rate", [0.0, 1e-3])  # of a drift: seconds of a second
def test_a_clock_follows_stamps_that_jitter_and_drift(rate):
    late = np.random.default_rng(0).exponential(0.003, 5000).cumsum()  # each row a little later than planned
    stamps = np.arange(5000) * (1 + rate) + late
    steps, clock = Clock.of(stamps[:256]).follow(stamps[:256])
    assert steps.tolist() == list(range(256))
    for step in range(256, 5000):
        (found,), clock = clock.follow(stamps[step], step - 1)
        assert found == step


def test_dates_are_followed_as_numbers_are():
    seconds = np.arange(600) * 1.01 + np.random.default_rng(0).uniform(0, 0.2, 600)
    stamps = np.datetime64("2026-01-01", "us") + (seconds * 1e6).astype("m8[us]")
    clock = Clock.of(stamps[:300])
    assert clock.follow(stamps)[0].tolist() == list(range(600))


def test_late_stamps_do_not_move_a_clock_and_need_not_lie_on_its_grid():
    clock = Clock.of([0, 1, 2, 3])
    steps, moved = clock.follow([1.6, 2.9], newest=3)
    assert (steps.tolist(), moved) == ([2, 3], clock)
    with pytest.raises(InputError, match=r"must lie on the grid .* got 4\.6 \(1 such\)"):
        clock.follow([1.6, 4.6], newest=3)


@pytest.mark.parametrize("far", [1e13, 1e300])
def test_a_history_with_a_stamp_far_away_is_refused_before_its_steps_are_made(far):
    with pytest.raises(
        InputError, match=r"must leave out at most 10,000,000 steps .* before step 4: correct"
    ):
        History.of([1.0] * 5, [0, 1, 2, 3, far])
