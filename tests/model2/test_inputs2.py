import pytest
import torch

from toto import InputError
from toto.model2 import inputs as inputs_of_models
from toto.model2.inputs import prepare

TARGET = torch.zeros(2, 3, 21)


def prepared(**inputs):
    return prepare({"target": TARGET} | inputs, 2, 8, torch.device("cpu"))


def test_targets_then_covariates_are_padded_to_whole_patches_of_context_and_horizon():
    known, mask = torch.ones(2, 1, 30), torch.ones(2, 1, 30, dtype=torch.bool)
    mask[..., 0] = False
    inputs, leading = prepared(known_dynamic=known, known_dynamic_mask=mask)
    assert leading == (2,)
    assert inputs.patches.shape == inputs.observed.shape == (2, 4, 5, 8)
    assert (inputs.num_targets, inputs.num_context) == (3, 3)
    targets, covariates = (inputs.observed.flatten(-2)[0, v] for v in (0, 3))
    assert torch.equal(targets.nonzero()[:, 0], torch.arange(3, 24))
    assert torch.equal(covariates.nonzero()[:, 0], torch.arange(4, 33))
    assert torch.equal(inputs.patches[0, 3] == 1, inputs.observed[0, 3])


@pytest.mark.parametrize("work", [torch.float32, torch.float64])
def test_wide_values_are_as_wide_as_the_device_of_the_model_allows(monkeypatch, work):
    monkeypatch.setattr(inputs_of_models, "accumulation_dtype", lambda device: work)
    for dtype in (torch.int64, torch.float64):
        assert prepared(target=TARGET.to(dtype))[0].patches.dtype is work
    assert prepared()[0].patches.dtype is torch.float32


def test_ids_of_any_kind_become_ranks():
    ids = torch.tensor([[-1, 7, -1], [7, 2**40, 3]])
    known = {"known_dynamic": torch.ones(2, 1, 30), "known_dynamic_series_ids": torch.tensor([[7], [3]])}
    found = prepared(series_ids=ids, **known)[0].series_ids
    assert found.tolist() == [[0, 2, 0, 2], [2, 3, 1, 1]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"mask": TARGET}, "inputs must hold target, target_mask, series_ids, .* nothing else, got mask"),
        ({"target": None}, "inputs must hold target, got target"),
        ({"target": [[1.0]]}, "target must be a tensor .* got list"),
        ({"target": torch.zeros(5)}, r"target must be a tensor \[..., variates, time\] .* got \(5,\)"),
        ({"target": torch.zeros(1, 0)}, r"with at least one step of one variate, got \(1, 0\)"),
        ({"target": TARGET + 1j}, r"target must be a tensor .* of real numbers, .* got \(2, 3, 21\)"),
        (
            {"target_mask": torch.ones(2, 3)},
            r"target_mask must be .* \(2, 3, 21\), that of target, got \(2, 3\)",
        ),
        (
            {"series_ids": 3},
            r"series_ids must be a tensor of shape \(2, 3\), that of target without time, got int",
        ),
        (
            {"known_dynamic": TARGET[0]},
            r"known_dynamic must have the leading axes of target \(2,\), got \(\)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_errors(inputs, message):
    with pytest.raises(InputError, match=message):
        prepared(**inputs)


def test_what_is_no_dictionary_is_an_error():
    with pytest.raises(InputError, match="inputs must be a dictionary of tensors, got Tensor"):
        prepare(TARGET, 2, 8, torch.device("cpu"))
