import copy
import gc
import weakref

import pytest
import torch
from torch import nn

from toto.kernels import forget, kept


class Double:
    """The double of a weight, which counts how often it is computed."""

    def __init__(self, weight):
        self.weight = weight
        self.times = 0

    def __call__(self):
        self.times += 1
        return 2 * self.weight.detach()


def test_a_value_is_computed_once_while_the_weight_stays():
    weight = nn.Parameter(torch.randn(3, 4))
    double = Double(weight)
    values = [kept("double", (weight,), double) for _ in range(3)]
    assert double.times == 1
    assert all(value is values[0] for value in values)
    assert not values[0].requires_grad


def optimiser_step(weight):
    weight.grad = torch.ones_like(weight)
    torch.optim.SGD([weight], lr=0.1).step()


CHANGES = {
    "a step of an optimiser": optimiser_step,
    "a change in place": lambda w: w.detach().mul_(3),
    "a change through .data": lambda w: w.data.add_(1),
    "a change of all columns but the first": lambda w: w.data[:, 1:].mul_(0.5),
    "a change of all rows but the first": lambda w: w.data[1:].mul_(0.5),
    "other data": lambda w: setattr(w, "data", w.data + 1),
    "another dtype": lambda w: setattr(w, "data", w.data.double()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_weight_is_noticed(change):
    weight = nn.Parameter(torch.randn(70, 40))
    double = Double(weight)
    kept("double", (weight,), double)
    change(weight)
    torch.testing.assert_close(kept("double", (weight,), double), 2 * weight.detach())
    assert double.times == 2


def test_a_change_of_any_of_several_weights_is_noticed():
    weight, bias = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3))
    kept("sum", (weight, bias), lambda: weight.sum() + bias.sum())
    with torch.no_grad():
        bias.add_(1)
    total = kept("sum", (weight, bias), lambda: weight.sum() + bias.sum())
    torch.testing.assert_close(total, (weight.sum() + bias.sum()).detach())


def test_purposes_and_copies_do_not_mix():
    weight = nn.Parameter(torch.randn(3, 4))
    assert kept("first", (weight,), lambda: 1) == 1
    assert kept("second", (weight,), lambda: 2) == 2
    assert kept("first", (copy.deepcopy(weight),), lambda: 3) == 3


def test_weights_made_in_inference_mode_are_watched_too():
    with torch.inference_mode():
        weight = torch.randn(3, 4)
        kept("double", (weight,), lambda: 2 * weight)
        weight.add_(1)
        torch.testing.assert_close(kept("double", (weight,), lambda: 2 * weight), 2 * weight)


def test_a_value_goes_with_its_weight():
    weight = nn.Parameter(torch.randn(3, 4))
    value = weakref.ref(kept("double", (weight,), Double(weight)))
    assert value() is not None
    del weight
    gc.collect()
    assert value() is None


def test_a_weight_of_any_strides_is_watched():
    weight = nn.Parameter(torch.randn(70, 40).t())
    double = Double(weight)
    kept("double", (weight,), double)
    weight.data[1:].mul_(0.5)
    torch.testing.assert_close(kept("double", (weight,), double), 2 * weight.detach())


def test_what_is_forgotten_is_computed_anew():
    weight = nn.Parameter(torch.randn(3, 4))
    double = Double(weight)
    kept("double", (weight,), double)
    forget([weight])
    forget([weight])
    kept("double", (weight,), double)
    assert double.times == 2
