import numpy as np
import pytest

from toto.training.synthetic.queues import backlog, capacity, in_progress, served, throughput, waiting


@pytest.fixture
def flow(rng):
    """Arrivals and capacities of three queues."""
    arriving = rng.exponential(1.0, (3, 200)).astype(np.float32)
    return arriving, np.full((3, 200), 1.1, dtype=np.float32)


def test_what_waits_is_the_plain_recursion(flow):
    arriving, limit = flow
    expected, left = np.zeros_like(arriving), np.zeros(3)
    for step in range(arriving.shape[1]):
        left = np.maximum(left + arriving[:, step] - limit[:, step], 0.0)
        expected[:, step] = left
    np.testing.assert_allclose(waiting(arriving, limit), expected, atol=1e-4)


def test_nothing_is_lost_and_capacity_is_never_exceeded(flow):
    arriving, limit = flow
    left = waiting(arriving, limit)
    leaving = served(arriving, left)
    np.testing.assert_allclose(leaving.sum(axis=1) + left[:, -1], arriving.sum(axis=1), rtol=1e-4)
    assert leaving.min() > -1e-4
    assert (leaving <= limit + 1e-4).all()


def test_capacity_is_whole_or_nothing(rng):
    spare = np.full((500, 1), 2.0, dtype=np.float32)
    limit = capacity(rng, 500, 512, spare)
    assert set(np.unique(limit)) == {0.0, 2.0}
    failing = (limit == 0).any(axis=1)
    assert 0.1 < failing.mean() < 0.5
    assert (limit == 0).mean() < 0.05


@pytest.mark.parametrize("generate", [throughput, backlog, in_progress])
def test_queues_hold_no_negative_numbers(rng, generate):
    assert generate(rng, 50, 512).min() > -1e-3


def test_a_moving_window_is_smoother_than_what_enters_it(rng):
    roughness = [
        np.median(np.abs(np.diff(s, axis=1)).mean(axis=1) / (s.std(axis=1) + 1e-6))
        for s in (in_progress(rng, 200, 512), throughput(rng, 200, 512))
    ]
    assert roughness[0] < 0.5 * roughness[1]
