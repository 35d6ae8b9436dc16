import numpy as np
import pytest

from toto.training.synthetic.jobs import draw_schedule, heartbeat, scheduled_job, since_start


@pytest.mark.parametrize("length", [8, 64, 4096])
def test_schedules_are_whole_and_fit_twice(rng, length):
    period = draw_schedule(rng, 300, length)
    np.testing.assert_array_equal(period, np.rint(period))
    assert period.min() >= 3
    assert period.max() <= max(length / 2 + 1, 6)


def test_a_clock_counts_up_from_0_to_the_next_start(rng):
    since, number = since_start(rng, np.full((200, 1), 20, dtype=np.float32), 400)
    exact = (since >= 0).all(axis=1)
    assert exact.mean() > 0.75
    starts = np.diff(number[exact], axis=1) == 1
    assert starts.sum(axis=1).min() == 19
    assert (since[exact][:, 1:][starts] == 0).all()
    assert since.max() <= 19


def test_heartbeats_come_at_equal_distances(rng):
    regular = 0
    series = heartbeat(rng, 200, 1024)
    for row in series:
        gaps = np.diff(np.flatnonzero((row > 0) & (np.roll(row, 1) == 0)))
        regular += len(gaps) > 0 and (gaps % gaps.min() == 0).all()
    assert regular / len(series) > 0.6
    assert (series >= 0).all()
    assert np.median((series == 0).mean(axis=1)) > 0.8


def test_a_job_runs_for_a_part_of_its_period(rng):
    series = scheduled_job(rng, 200, 1024)
    busy = (series > 0.05).mean(axis=1)
    assert (series >= 0).all()
    assert 0.1 < np.median(busy) < 0.8
