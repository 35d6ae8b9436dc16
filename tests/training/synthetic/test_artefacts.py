import numpy as np
import pytest

from toto.training.synthetic.artefacts import (
    ARTEFACTS,
    add_outliers,
    clip,
    drop_out,
    hang,
    quantise,
    record,
    stretches,
)
from toto.training.synthetic.draws import standardise


@pytest.fixture
def series(rng):
    """Standardised white noise."""
    return standardise(rng.standard_normal((200, 400), dtype=np.float32))


def test_quantised_series_have_few_different_values(rng, series):
    coarse = quantise(rng, series)
    assert np.abs(coarse - series).max() <= 1 / 6 + 1e-5
    assert np.median([len(np.unique(row)) for row in coarse]) < 200


def test_clipped_series_rest_at_their_limits(rng, series):
    clipped = clip(rng, series)
    at_limit = (clipped == clipped.max(axis=1, keepdims=True)).sum(axis=1) > 3
    at_floor = (clipped == clipped.min(axis=1, keepdims=True)).sum(axis=1) > 3
    assert (at_limit | at_floor).all()
    assert at_limit.mean() == pytest.approx(0.6, abs=0.12)
    inside = clipped == series
    assert inside.mean() > 0.6


def test_outliers_are_few_and_far(rng, series):
    changed = add_outliers(rng, series) - series
    assert 0 < (changed != 0).mean() < 0.006
    assert np.abs(changed[changed != 0]).min() >= 1.5


def test_stretches_have_the_asked_length(rng):
    marked = stretches(rng, 500, 400, 20.0)
    assert set(np.unique(marked)) == {0.0, 1.0}
    lengths = np.diff(np.flatnonzero(np.diff(np.pad(marked, ((0, 0), (1, 1))).ravel())))[::2]
    assert np.median(lengths) < 20
    assert marked.mean() < 0.1


def test_a_sensor_that_hangs_repeats_the_last_value(rng, series):
    held = hang(rng, series)
    repeated = held != series
    assert 0 < repeated.mean() < 0.1
    np.testing.assert_array_equal(held[:, 1:][repeated[:, 1:]], held[:, :-1][repeated[:, 1:]])


def test_drop_outs_lie_at_one_value_below_all_others(rng, series):
    dropped = drop_out(rng, series)
    changed = dropped != series
    assert 0 < changed.mean() < 0.1
    for row, marks, before in zip(dropped, changed, series, strict=True):
        assert len(np.unique(row[marks])) <= 1
        assert (row[marks] < before.min()).all()


def test_artefacts_are_rare(rng, series):
    untouched = (record(rng, series.copy()) == series).all(axis=1).mean()
    expected = np.prod([1.0 - share for _, share in ARTEFACTS.values()])
    assert untouched == pytest.approx(expected, abs=0.1)
