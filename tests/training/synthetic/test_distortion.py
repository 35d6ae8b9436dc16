import numpy as np
import pytest

from toto.training.synthetic.distortion import distort, mix, modulate, warp
from toto.training.synthetic.draws import standardise


def test_mixtures_of_equal_series_are_that_series(rng):
    series = np.repeat(rng.standard_normal((1, 64), dtype=np.float32), 5, axis=0)
    np.testing.assert_allclose(mix(rng, series, 9), np.repeat(series[:1], 9, axis=0), atol=1e-5)


def test_a_mixture_lies_between_the_series(rng):
    series = rng.standard_normal((20, 64), dtype=np.float32)
    mixed = mix(rng, series, 50)
    assert (mixed <= series.max(axis=0) + 1e-5).all()
    assert (mixed >= series.min(axis=0) - 1e-5).all()


def test_warped_time_runs_forward_from_the_first_value_to_the_last(rng):
    line = np.repeat(np.arange(500, dtype=np.float32)[None], 100, axis=0)
    warped = warp(rng, line)
    assert (np.diff(warped, axis=1) > 0).all()
    np.testing.assert_allclose(warped[:, -1], 499.0, atol=0.01)
    assert warped[:, 0].max() < 3.0
    assert np.abs(warped - line).max() > 5.0


def test_an_envelope_is_smooth_and_positive(rng):
    series = np.tile(np.array([0.0, 1.0], dtype=np.float32), (100, 256))  # its lowest value is 0
    modulated = modulate(rng, series)
    assert not modulated[:, ::2].any()
    envelope = modulated[:, 1::2]
    assert (envelope > 0).all()
    assert np.abs(np.diff(np.log(envelope), axis=1)).max() < 0.2
    assert np.median(envelope.max(axis=1) / envelope.min(axis=1)) > 1.3


def test_most_series_stay_as_they_are_and_all_stay_standardised(rng):
    series = standardise(rng.standard_normal((1000, 128), dtype=np.float32))
    distorted = distort(rng, series.copy())
    assert (distorted == series).all(axis=1).mean() == pytest.approx(0.7, abs=0.06)
    np.testing.assert_allclose(distorted.std(axis=1), 1.0, atol=1e-3)
