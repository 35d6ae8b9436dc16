import numpy as np
import pytest

from toto.errors import InputError
from toto.training.synthetic import sample_batch
from toto.training.synthetic.batch import LONGEST_DELAY, relate_groups, sample_groups
from toto.training.synthetic.draws import standardise
from toto.training.synthetic.observation import drop_stretches, rescale, start_offsets


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed or 0)


def test_equal_seeds_give_equal_batches_and_others_do_not():
    first, again, other = (sample_batch(rng(1, step), 16, 256) for step in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.series, other.series)


def test_a_batch_is_finite_and_zero_where_nothing_was_observed():
    batch = sample_batch(rng(), 256, 256, missing_share=0.5)
    assert batch.series.shape == batch.observed.shape == batch.group_ids.shape == (32, 8, 256)
    assert np.isfinite(batch.series).all()
    assert not batch.series[~batch.observed].any()
    assert 0.02 < (~batch.observed).mean() < 0.4


@pytest.mark.parametrize("length", [64, 1000, 8192])
@pytest.mark.parametrize("num_variates", [1, 5])
def test_a_batch_may_be_a_single_row_of_any_length(length, num_variates):
    batch = sample_batch(
        rng(), num_variates, length, num_variates=num_variates, patch_size=32, grouped_share=1.0
    )
    assert batch.series.shape == (1, num_variates, length)
    assert np.isfinite(batch.series).all()


def test_scales_cover_many_decades():
    deviation = sample_batch(rng(), 1600, 128).series.std(axis=-1)
    assert (deviation < 0.3).sum() > 20
    assert (deviation > 1e5).sum() > 20
    shares = np.histogram(np.log10(deviation[deviation > 0]), bins=[-3, 0, 2, 4, 7])[0] / deviation.size
    assert (shares > 0.1).all()


def test_ungrouped_rows_hold_single_variates_and_grouped_rows_neighbours():
    alone = sample_groups(rng(), 10, 8, 0.0)
    np.testing.assert_array_equal(alone, np.tile(np.arange(8), (10, 1)))
    grouped = sample_groups(rng(), 200, 8, 1.0)
    assert all(len(np.unique(row)) < 8 for row in grouped)
    assert (np.diff(grouped, axis=1) >= 0).all()


def test_group_ids_are_constant_in_time():
    ids = sample_batch(rng(), 64, 128).group_ids
    assert (ids == ids[..., :1]).all()


def test_single_variates_are_not_mixed_with_others():
    series = rng().standard_normal((1, 3, 200), dtype=np.float32)
    related = relate_groups(rng(), series, np.array([[0, 1, 1]]))
    np.testing.assert_array_equal(related[0, 0], series[0, 0, LONGEST_DELAY:])


def test_rescaled_series_keep_their_shape():
    series = standardise(rng().standard_normal((50, 200), dtype=np.float32))
    np.testing.assert_allclose(standardise(rescale(rng(), series)), series, atol=2e-2)


def test_stretches_are_dropped_in_the_asked_share_of_series():
    observed = drop_stretches(rng(), np.ones((500, 100), dtype=bool), 0.3)
    assert (~observed).any(axis=1).mean() == pytest.approx(0.3, abs=0.06)
    assert drop_stretches(rng(), np.ones((50, 100), dtype=bool), 0.0).all()


def test_recordings_start_inside_the_first_patch_anywhere_or_at_0():
    starts = start_offsets(rng(), 2000, 512, 32)
    assert (starts == 0).mean() == pytest.approx(0.375 + 0.5 / 32, abs=0.05)
    assert ((starts > 0) & (starts < 32)).mean() == pytest.approx(0.5, abs=0.05)
    assert starts.max() <= 512 - 48


def test_a_row_must_be_filled():
    with pytest.raises(
        InputError, match="num_series must be a positive multiple of num_variates = 8, got 12"
    ):
        sample_batch(rng(), 12, 256)


def test_a_series_must_hold_a_patch_and_one_to_predict():
    with pytest.raises(InputError, match="length must be at least two patches of 64 steps, got 63"):
        sample_batch(rng(), 8, 63)
