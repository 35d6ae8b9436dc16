import pytest
import torch

from toto.model.fingerprint import fingerprint


def test_the_same_weights_have_the_same_fingerprint_in_any_precision_and_order(make_tiny):
    tiny = make_tiny().float()
    expected = fingerprint(tiny.state_dict())
    assert len(expected) == 16
    assert fingerprint(tiny.double().state_dict()) == expected
    assert fingerprint(tiny.set_precision("bfloat16").state_dict()) == expected
    assert fingerprint(dict(reversed(tiny.state_dict().items()))) == expected


def test_labels_do_not_count_and_other_weights_do(tiny):
    expected = fingerprint(tiny.state_dict())
    tiny.model.enable_variate_labels()
    assert fingerprint(tiny.state_dict()) == expected
    for weight in (tiny.model.unembed.weight, tiny.model.transformer.layers[0].attention.wQKV.weight):
        with torch.no_grad():
            weight[0, 0] += 0.1
        assert fingerprint(tiny.state_dict()) != expected
        expected = fingerprint(tiny.state_dict())


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_weights_of_any_shape_count(shape):
    assert fingerprint({"w": torch.zeros(shape)}) != fingerprint({"w": torch.ones(shape)})
