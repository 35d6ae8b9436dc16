import numpy as np
import pytest

from toto import InputError
from toto.anomaly.calibrated_tail import CalibratedTail


def test_new_values_of_the_same_kind_have_uniform_probabilities():
    rng = np.random.default_rng(0)
    tail = CalibratedTail.fit(rng.exponential(size=5000))
    p = 10 ** tail.log10_probability(rng.exponential(size=50_000))
    for level in (1e-3, 0.01, 0.1, 0.5):
        assert (p <= level).mean() == pytest.approx(level, rel=0.3)


def test_probabilities_fall_with_the_statistic_also_beyond_all_that_was_seen():
    values = np.random.default_rng(0).exponential(size=300)
    tail = CalibratedTail.fit(values)
    found = tail.log10_probability(np.linspace(-1, 60, 500))
    assert (np.diff(found) <= 0).all()
    assert found[0] == 0
    assert found[-1] < -15


def test_missing_values_are_left_out():
    values = np.random.default_rng(0).exponential(size=100)
    tail = CalibratedTail.fit(np.concatenate([values, [np.nan, np.inf]]))
    assert tail == CalibratedTail.fit(values)
    assert tail.num_values == 100
    assert np.isnan(tail.log10_probability(np.array([np.nan]))).all()


def test_a_statistic_that_is_mostly_0_has_the_share_of_the_others_in_its_tail():
    values = np.zeros(1000)
    values[:5] = [1, 2, 3, 4, 5]
    tail = CalibratedTail.fit(values)
    assert tail.log10_probability(np.array([0.0]))[0] == pytest.approx(0, abs=1e-3)
    assert tail.log10_probability(np.array([1e-9]))[0] == pytest.approx(np.log10(5 / 1001))
    constant = CalibratedTail.fit(np.zeros(1000))
    assert constant.log10_probability(np.array([1.0]))[0] < -7


def test_numbers_survive_a_file():
    tail = CalibratedTail.fit(np.random.default_rng(0).exponential(size=300))
    assert CalibratedTail.from_json(tail.to_json()) == tail


def test_too_few_values_are_named():
    with pytest.raises(
        InputError, match="at least 20 observed steps behind its first quarter to calibrate on, got 3"
    ):
        CalibratedTail.fit(np.array([1.0, 2.0, 3.0, np.nan]))
