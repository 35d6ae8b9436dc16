import numpy as np
import pytest

from toto.inference.monitor.windows import ENOUGH, Coverage, Quantity


def filled(values, **options):
    quantity = Quantity(**{"window": 30, "history": 100} | options)
    for moment, value in enumerate(values):
        quantity.add(float(moment), float(value))
    return quantity


def test_statistics_are_of_the_last_window():
    values = np.random.default_rng(0).uniform(1, 2, 75)
    found = filled(values).statistics()
    assert found.num_values == 30
    assert found.mean == pytest.approx(values[-30:].mean())
    assert found.cv == pytest.approx(values[-30:].std() / values[-30:].mean())
    assert found.baseline == pytest.approx(values[:30].mean())
    assert found.drift == pytest.approx(values[-30:].mean() / values[:30].mean() - 1)


def test_there_is_no_drift_before_the_first_window_is_full():
    assert filled(np.ones(29)).statistics().drift is None
    assert filled(np.ones(30)).statistics().drift == 0


def test_a_given_baseline_is_compared_with_from_the_start():
    found = filled([3.0, 3.0], baseline=2.0).statistics()
    assert (found.baseline, found.drift) == (2.0, 0.5)
    assert filled(np.ones(99), baseline=2.0).statistics().baseline == 2.0


def test_few_values_and_zeros_have_no_variation():
    assert filled(np.arange(ENOUGH - 1)).statistics().cv is None
    assert filled(np.zeros(40)).statistics().cv is None
    assert filled(np.zeros(40)).statistics().drift is None
    assert filled([]).statistics() is None


def test_a_full_window_is_enough_however_small():
    assert filled([1.0, 3.0], window=2).statistics().cv == 0.5
    coverage = Coverage(window=1, history=1)
    coverage.add(0.0, 3, 4)
    assert coverage.share() == 0.75


def test_the_history_is_longer_than_the_window_and_bounded():
    history = filled(np.arange(250)).history()
    np.testing.assert_array_equal(history[:, 1], np.arange(150, 250))
    np.testing.assert_array_equal(history[:, 0], history[:, 1])
    assert filled([]).history().shape == (0, 2)


def test_coverage_counts_values_of_the_last_window_alike():
    coverage = Coverage(window=ENOUGH, history=100)
    for _ in range(ENOUGH - 1):
        coverage.add(0.0, 0, 7)
    assert coverage.share() is None
    coverage.add(0.0, 50, 100)
    assert coverage.share() == 50 / (7 * (ENOUGH - 1) + 100)
    for _ in range(ENOUGH):
        coverage.add(1.0, 9, 10)
    assert coverage.share() == pytest.approx(0.9)
    assert coverage.history().shape == (2 * ENOUGH, 2)
