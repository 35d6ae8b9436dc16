import numpy as np
import pytest

from toto.training.synthetic.draws import standardise
from toto.training.synthetic.regimes import (
    change_point,
    intermittent_activity,
    of_state,
    states,
    switching_reversion,
)


def test_states_last_and_half_of_the_series_have_only_two(rng):
    state = states(rng, 400, 512)
    assert set(np.unique(state)) == {0, 1, 2}
    assert (state.max(axis=1) < 2).mean() == pytest.approx(0.55, abs=0.12)
    assert (np.diff(state, axis=1) != 0).sum(axis=1).mean() < 30


def test_a_state_has_its_value():
    state = np.array([[0, 1, 2, 1]], dtype=np.int32)
    np.testing.assert_array_equal(
        of_state(state, np.array([[5.0, 6.0, 7.0]], dtype=np.float32)), [[5.0, 6.0, 7.0, 6.0]]
    )


def test_quiet_and_wild_states_take_turns(rng):
    changes = np.diff(switching_reversion(rng, 300, 1024), axis=1)
    size = np.abs(changes).reshape(300, 33, 31).mean(axis=2)
    assert np.median(size.max(axis=1) / size.min(axis=1)) > 2.0


def test_a_change_point_changes_the_size_or_the_level(rng):
    series = standardise(change_point(rng, 300, 512))
    first, last = series[:, :51], series[:, -51:]
    ratio = np.abs(np.log(last.std(axis=1) / first.std(axis=1)))
    shift = np.abs(last.mean(axis=1) - first.mean(axis=1))
    assert ((ratio > 0.3) | (shift > 0.5)).mean() > 0.6


def test_an_activity_rests_at_exactly_0(rng):
    share = (intermittent_activity(rng, 300, 512) == 0).mean(axis=1)
    assert 0.2 < share.mean() < 0.7
    assert ((share > 0.05) & (share < 0.95)).mean() > 0.6
