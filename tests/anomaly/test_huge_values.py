"""One value that is wrong by many orders must not blind a detector."""

import numpy as np
import pytest

from toto import TotoPipeline
from toto.anomaly.calibration import Unit, as_seen, in_units, out_of_units

STEPS = np.arange(1200)
WAVE = 50 + 10 * np.sin(STEPS / 9) + np.random.default_rng(0).normal(size=len(STEPS))


@pytest.fixture(scope="module")
def pipe() -> TotoPipeline:
    return TotoPipeline.from_pretrained()


@pytest.mark.parametrize("detector", ["likelihood", "deviation"])
@pytest.mark.parametrize("huge", [1e6, -1e30, 1e300])
def test_what_follows_a_huge_value_is_still_found(pipe, detector, huge):
    values = WAVE.copy()
    values[[900, 1100]] = huge, values[1100] + 40
    found = pipe.detect(values, detector=detector)[0]
    starts = [event.start for event in found.events]
    assert {900, 1100} <= set(starts)
    at = found.events[starts.index(900)]
    assert at.value == huge
    assert found.values[0].tolist() == values.tolist()
    assert np.isfinite(found.scores[0, 64:]).all()


def test_a_huge_value_in_the_clean_part_does_not_become_its_unit():
    values = WAVE.copy()
    usual = Unit.of(values, None)
    values[300] = 1e30
    assert Unit.of(values, None).size == usual.size
    counts = np.where(STEPS % 7, 0.0, 1.0)  # most are 0
    counts[300] = 1e30
    assert Unit.of(counts, None).size < 10
    assert Unit.of(np.array([1e30]), None).size == 1e27  # a constant


def test_a_model_is_shown_no_huge_value_but_follows_a_level_that_stays_huge():
    units = [Unit(10.0, 0.1, 0.0)]
    scaled = in_units(np.array([[12.0, 1e6, -1e308, np.inf, np.nan]]), units)
    np.testing.assert_allclose(scaled, [[20, 1e7 - 100, -1e30, np.nan, np.nan]])
    np.testing.assert_allclose(out_of_units(scaled[:, :2], units), [[12.0, 1e6]])
    level = np.array([[1.0, 5e3, 5e3, 2.0, -5e3, np.nan, -5e3, 5e3]])
    shown = [[1, 1e3, 2e3, 2, -4e3, np.nan, -5e3, 5e3]]
    np.testing.assert_array_equal(as_seen(level), shown)
    np.testing.assert_array_equal(as_seen(np.array(shown)), shown)
    pieces = [as_seen(level[:, :4]), as_seen(level[:, 4:], np.array([2e3]))]
    np.testing.assert_array_equal(np.concatenate(pieces, 1), shown)
