import torch

from toto.data.padding import is_extreme_value, pad_array, pad_id_mask, replace_extreme_values


def test_padding_goes_to_the_left_up_to_whole_strides():
    assert pad_array(torch.arange(5.0)[None], 4).tolist() == [[0, 0, 0, 0, 1, 2, 3, 4]]
    assert pad_array(torch.ones(1, 3, dtype=torch.bool), 4).tolist() == [[False, True, True, True]]
    assert pad_id_mask(torch.tensor([[3, 3, 3, 4, 4]]), 4).tolist() == [[3, 3, 3, 3, 3, 3, 4, 4]]
    assert pad_array(torch.ones(1, 8), 4).shape == (1, 8)


def test_extreme_values_are_not_finite_or_half_of_what_the_dtype_holds():
    values = torch.tensor([1.0, float("nan"), float("inf"), -float("inf"), 3e38, 1.6e38])
    assert is_extreme_value(values).tolist() == [False, True, True, True, True, False]
    assert replace_extreme_values(values).tolist() == [1.0, 0, 0, 0, 0, values[5]]
    assert replace_extreme_values(values, 7.0)[1] == 7
    assert is_extreme_value(torch.tensor([40000.0], dtype=torch.float16)).item()
    assert not is_extreme_value(torch.tensor([40000.0], dtype=torch.float64)).item()
