import numpy as np
import pytest

from toto.training.synthetic.catalogue import CATALOGUE, FAMILIES, TRAINING_MIX, any_series

NAMES = sorted(CATALOGUE)
LENGTH = 512


def make(name: str, num_series: int = 16, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return CATALOGUE[name](np.random.default_rng(seed), num_series, length)


@pytest.mark.parametrize("name", NAMES)
def test_every_generator_gives_finite_float32_of_the_asked_shape(name):
    for num_series, length in ((16, LENGTH), (1, 64), (3, 1000), (1, 8192), (0, 64)):
        series = make(name, num_series, length)
        assert series.shape == (num_series, length)
        assert series.dtype == np.float32
        assert np.isfinite(series).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_every_value(name):
    np.testing.assert_array_equal(make(name), make(name))
    assert not np.array_equal(make(name, seed=1), make(name, seed=2))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"linear trend"}))
def test_the_series_of_one_call_differ(name):
    series = make(name)
    assert len(np.unique(series, axis=0)) > len(series) / 2


@pytest.mark.parametrize("name", NAMES)
def test_every_generator_has_a_docstring(name):
    assert CATALOGUE[name].__doc__


def test_no_name_is_used_twice():
    assert len(CATALOGUE) == sum(len(kinds) for kinds in FAMILIES.values())


def test_the_shares_of_the_training_mix_sum_to_one_and_each_has_a_reason():
    assert sum(part.share for part in TRAINING_MIX.values()) == pytest.approx(1.0)
    assert all(part.why for part in TRAINING_MIX.values())


def test_any_series_mixes_kinds():
    series = any_series(np.random.default_rng(0), 600, 128)
    assert np.isfinite(series).all()
    constant = (series == series[:, :1]).all(axis=1)
    whole = (series == np.round(series)).all(axis=1) & ~constant
    assert 0 < constant.sum() < 60
    assert 0 < whole.sum() < 120
