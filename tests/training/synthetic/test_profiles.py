import numpy as np
import pytest

from toto.training.synthetic.profiles import SHAPES, any_profile, distance, plateau, read_cycle


@pytest.mark.parametrize("shape", [shape for shape, _ in SHAPES], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("num_points", [1, 4, 96])
def test_every_shape_has_a_value_at_every_point(rng, shape, num_points):
    profile = shape(rng, 5, num_points)
    assert profile.shape == (5, num_points)
    assert np.isfinite(profile).all()


@pytest.mark.parametrize("shape", [shape for shape, _ in SHAPES], ids=lambda shape: shape.__name__)
def test_no_shape_prefers_a_time_of_the_cycle(rng, shape):
    mean = shape(rng, 4000, 24).mean(axis=0)
    assert mean.std() < 0.06


def test_profiles_are_standardised(rng):
    profiles = any_profile(rng, 200, 96)
    np.testing.assert_allclose(profiles.mean(axis=1), 0.0, atol=1e-4)
    varying = profiles.std(axis=1) > 0
    assert varying.mean() > 0.98
    np.testing.assert_allclose(profiles[varying].std(axis=1), 1.0, atol=1e-3)


def test_working_hours_are_one_stretch_of_the_cycle(rng):
    busy = plateau(rng, 100, 96) > 0.5
    changes = (busy != np.roll(busy, 1, axis=1)).sum(axis=1)
    assert np.isin(changes, (0, 2, 4)).all()  # two edges, two more with a deep break
    assert (changes == 2).mean() > 0.7


def test_a_profile_is_read_on_straight_lines_and_closes():
    table = np.array([[0.0, 2.0, 4.0, 2.0]], dtype=np.float32)
    phase = np.array([[0.0, 0.125, 0.5, 0.875, 3.125, -0.5]], dtype=np.float32)
    np.testing.assert_allclose(read_cycle(table, phase), [[0.0, 1.0, 4.0, 1.0, 1.0, 4.0]])


def test_distance_goes_the_short_way_round():
    phase = np.array([[0.1, 0.9, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(
        distance(phase, np.array([[0.95]], dtype=np.float32)), [[0.15, 0.05, 0.45]], atol=1e-6
    )
