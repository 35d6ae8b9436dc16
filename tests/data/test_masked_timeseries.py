import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries
from toto.data.masked_timeseries import CausalMaskedTimeseries


def test_arrays_lists_and_tensors_become_series():
    for values in ([1, 2, 3], np.arange(3), torch.arange(3.0), [[1.0, 2.0, float("nan")]]):
        series = MaskedTimeseries.from_array(values)
        assert series.series.shape == (1, 3)
        assert series.series.is_floating_point()
    assert MaskedTimeseries.from_array(np.zeros((2, 3, 4))).series.shape == (2, 3, 4)


def test_nan_and_infinite_values_are_not_observed():
    series = MaskedTimeseries.from_array(
        [1.0, float("nan"), float("inf"), 4.0], observed=[True, True, True, False]
    )
    assert series.padding_mask.tolist() == [[True, False, False, False]]


def test_none_in_a_list_is_missing():
    series = MaskedTimeseries.from_array([1, None, 3])
    assert series.padding_mask.tolist() == [[True, False, True]]
    with pytest.raises(InputError, match="values must be an array of numbers, got list"):
        MaskedTimeseries.from_array([1, None, "x"])
    with pytest.raises(InputError, match="observed must be an array of numbers, got list"):
        MaskedTimeseries.from_array([1, 2], observed=[True, None])


def test_group_ids_are_given_per_variate():
    assert MaskedTimeseries.from_array(np.zeros((3, 4))).id_mask.unique().tolist() == [0]
    series = MaskedTimeseries.from_array(np.zeros((2, 3, 4)), group_ids=[5, 5, 6])
    assert series.id_mask.shape == (2, 3, 4)
    assert series.id_mask[1, :, 0].tolist() == [5, 5, 6]


def test_masked_arrays_big_endian_arrays_and_whole_numbers_keep_their_meaning():
    masked = MaskedTimeseries.from_array(np.ma.array([1, 2, 3], mask=[0, 1, 0]))
    assert masked.padding_mask.tolist() == [[True, False, True]]
    assert MaskedTimeseries.from_array(np.array([1.5, 2.0], dtype=">f8")).series.tolist() == [[1.5, 2.0]]
    assert MaskedTimeseries.from_array([10**12 + 1]).series.item() == 10**12 + 1


def test_what_is_given_stays_as_it_is():
    values = np.arange(4.0)
    MaskedTimeseries.from_array(values).series[0, 0] = 9
    assert values[0] == 0


def test_it_unpacks_replaces_and_moves_as_a_named_tuple():
    series = MaskedTimeseries.from_array(np.zeros((2, 4)), interval_seconds=300)
    values, _, _, stamps, intervals, exogenous = series
    assert exogenous == 0
    assert stamps[0].tolist() == [0, 300, 600, 900]
    assert intervals.tolist() == [300, 300]
    assert series._replace(series=values + 1).series.sum() == 8
    moved = series.to("meta")
    assert all(t.device.type == "meta" for t in moved[:5])


def test_training_series_carry_their_slices():
    fields = MaskedTimeseries.from_array(np.zeros((2, 4)))[:5]
    series = CausalMaskedTimeseries(*fields, slice(0, 3), slice(1, 4)).to("meta")
    assert series.input_slice == slice(0, 3)
    assert series.num_exogenous_variables == 0
    assert series.series.device.type == "meta"


def test_wrong_shapes_are_errors():
    with pytest.raises(InputError, match=r"values must be .* got shape \(2, 2, 2, 2\)"):
        MaskedTimeseries.from_array(np.zeros((2, 2, 2, 2)))
    with pytest.raises(InputError, match=r"at least one step, got shape \(0,\)"):
        MaskedTimeseries.from_array([])
    with pytest.raises(InputError, match=r"observed must have the shape of values \(2, 4\), got \(2, 3\)"):
        MaskedTimeseries.from_array(np.zeros((2, 4)), observed=np.ones((2, 3)))
    with pytest.raises(InputError, match=r"group_ids must hold 2 ids, one per variate, got shape \(3,\)"):
        MaskedTimeseries.from_array(np.zeros((2, 4)), group_ids=[1, 2, 3])
    with pytest.raises(InputError, match="values must be real numbers, got torch"):
        MaskedTimeseries.from_array([1j])
    frame = pytest.importorskip("pandas").DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"got a data frame, .* pass frame\[columns\].to_numpy\(\).T"):
        MaskedTimeseries.from_array(frame)
    with pytest.raises(InputError, match="values must be an array of numbers, got list"):
        MaskedTimeseries.from_array(["a", "b"])
