import numpy as np
import pytest

from toto import InputError
from toto.inference.arguments import flag, torch_device


def test_flags_of_every_type_are_taken():
    for value in (True, 1, np.True_):
        assert flag("use_kv_cache", value) is True
    for value in (False, 0, np.False_):
        assert flag("use_kv_cache", value) is False


@pytest.mark.parametrize("value", ["no", None, 2, 0.5, np.ones(2)])
def test_what_is_no_flag_is_an_error(value):
    with pytest.raises(InputError, match="variance_reduction must be True or False, got"):
        flag("variance_reduction", value)


@pytest.mark.parametrize("value", ["gpu", None, 0.5])
def test_what_is_no_device_is_an_error(value):
    with pytest.raises(InputError, match='device must be a device such as "cpu" or "cuda", got'):
        torch_device("device", value)
