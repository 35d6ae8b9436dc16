"""The device a model runs on is checked before anything is loaded."""

import pytest
import torch

from toto import InputError
from toto.inference.device import usable_device


@pytest.mark.parametrize("value", [None, "auto"])
def test_by_default_it_is_a_gpu_if_there_is_one(value, monkeypatch):
    for there, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert usable_device("device", value) == torch.device(device)


@pytest.mark.parametrize("value", ["cpu", torch.device("cpu")])
def test_a_device_that_is_here_is_taken(value):
    assert usable_device("device", value) == torch.device("cpu")


@pytest.mark.parametrize("value", ["toaster", 3.5, {}])
def test_what_is_no_device_is_an_error(value):
    with pytest.raises(InputError, match='--device must be a device such as "cpu" or "cuda", got '):
        usable_device("--device", value)


def test_a_device_that_is_not_here_is_an_error_of_one_line():
    message = r"^--device: cuda:99 is not available here \(.*\); toto info lists devices$"
    with pytest.raises(InputError, match=message) as error:
        usable_device("--device", "cuda:99")
    assert len(str(error.value)) < 200
