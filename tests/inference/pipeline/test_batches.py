import numpy as np
import pytest

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.inference.pipeline import batches as module
from toto.inference.pipeline.batches import Batches


@pytest.fixture
def batches(tiny):
    """Batches for 3 steps from the last 20, for a model with patches of 8 steps."""
    return Batches(tiny.config, context=20, horizon=3, num_samples=2)


def series(num_steps, **others):
    return RegularSeries(np.arange(num_steps, dtype=float)[None] + 1, ("y",), EvenGrid(0, 1), **others)


def test_series_of_equally_many_patches_are_together_behind_missing_steps(batches):
    found = list(batches.of([series(10), series(3), series(16), series(90), series(17)]))
    assert [batch.places for batch in found] == [[0, 2], [1], [3, 4]]
    assert [batch.inputs.series.shape for batch in found] == [(2, 1, 16), (1, 1, 8), (2, 1, 24)]
    first = found[0].inputs.series[0, 0].numpy()
    np.testing.assert_array_equal(first, [np.nan] * 6 + list(range(1, 11)))
    assert not found[0].inputs.padding_mask[0, 0, :6].any()
    np.testing.assert_array_equal(found[2].inputs.series[0, 0, 4:], np.arange(71, 91))


def test_a_batch_has_a_limited_size(batches, monkeypatch):
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 2 * batches.numbers_of_a_variate)
    assert [batch.places for batch in batches.of([series(8)] * 5)] == [[0, 1], [2, 3], [4]]


def test_series_of_other_kinds_are_apart(batches):
    other = RegularSeries(np.zeros((1, 8), np.float32), ("y",), EvenGrid(0, 1))
    two = RegularSeries(np.zeros((2, 8)), ("y", "z"), EvenGrid(0, 1))
    past = series(8, past=np.zeros((1, 8)))
    assert len(list(batches.of([series(8), other, two, past]))) == 4


def test_known_covariates_stand_a_patch_earlier_and_go_on_with_their_last_value(batches):
    known = np.arange(100, 113, dtype=float)[None]  # of 10 steps and 3 after them
    (batch,) = batches.of([series(10, known=known)])
    assert batch.num_targets == 1
    assert batch.inputs.num_exogenous_variables == 1
    expected = [np.nan] * 6 + [108, 109, 110, 111, 112] + [112] * 5
    np.testing.assert_array_equal(batch.inputs.series[0, 1], expected)
    np.testing.assert_array_equal(batch.known_future, [[[112, 112, 112]]])


def test_gaps_are_filled_if_told(tiny):
    one = series(8)
    one.values[0, 3:5] = np.nan
    (filled,) = Batches(tiny.config, 20, 3, 2, interpolate=True).of([one])
    np.testing.assert_array_equal(filled.inputs.series[0, 0], np.arange(1, 9))
