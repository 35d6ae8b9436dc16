"""The blocked product against the plain one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from toto import kernels
from toto.kernels.linear_maps import BLOCKED_DTYPES

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}

blocked = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(d, marks=pytest.mark.skipif(d not in BLOCKED_DTYPES, reason=f"no product in {d}"))
        for d in TOLERANCE
    ],
)


def weights(outputs: int, features: int, dtype: torch.dtype) -> tuple[nn.Parameter, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, features, generator=generator) / features**0.5
    return nn.Parameter(weight.to(dtype)), nn.Parameter(torch.randn(outputs, generator=generator).to(dtype))


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    tolerance = TOLERANCE[actual.dtype]
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@blocked
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3, 5), (300,)])
def test_the_blocked_product_is_the_plain_one(dtype, shape):
    weight, bias = weights(24, 40, dtype)
    x = torch.randn(*shape, 40).to(dtype)
    with torch.no_grad():
        close(kernels.linear(x, weight, bias), F.linear(x, weight, bias))
        close(kernels.linear(x, weight), F.linear(x, weight))


@blocked
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3, 5)])
def test_the_gated_product_is_swiglu_of_the_plain_one(dtype, shape):
    weight, bias = weights(24, 40, dtype)
    x = torch.randn(*shape, 40).to(dtype)
    with torch.no_grad():
        close(kernels.gated_linear(x, weight, bias), kernels.swiglu(F.linear(x, weight, bias)))
        close(kernels.gated_linear(x, weight), kernels.swiglu(F.linear(x, weight)))


@blocked
def test_a_view_of_other_strides_is_multiplied_rightly(dtype):
    weight, bias = weights(24, 40, dtype)
    x = torch.randn(40, 6, 3).to(dtype).permute(2, 1, 0)
    with torch.no_grad():
        close(kernels.linear(x, weight, bias), F.linear(x, weight, bias))


@blocked
def test_a_changed_weight_is_packed_anew(dtype):
    weight, bias = weights(24, 40, dtype)
    x = torch.randn(3, 40).to(dtype)
    with torch.no_grad():
        kernels.linear(x, weight, bias)
        kernels.gated_linear(x, weight, bias)
        weight.mul_(2)
        close(kernels.linear(x, weight, bias), F.linear(x, weight, bias))
        close(kernels.gated_linear(x, weight, bias), kernels.swiglu(F.linear(x, weight, bias)))


def test_gradients_flow_where_they_are_wanted():
    weight, bias = weights(24, 40, torch.float32)
    kernels.linear(torch.randn(3, 40), weight, bias).sum().backward()
    kernels.gated_linear(torch.randn(3, 40), weight, bias).sum().backward()
    assert weight.grad is not None
    assert bias.grad is not None


def test_autocast_is_obeyed():
    weight, bias = weights(24, 40, torch.float32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert kernels.linear(torch.randn(3, 40), weight, bias).dtype is torch.bfloat16
        assert kernels.gated_linear(torch.randn(3, 40), weight, bias).dtype is torch.bfloat16


def test_no_token_at_all_is_no_error():
    weight, bias = weights(24, 40, torch.float32)
    with torch.no_grad():
        assert kernels.linear(torch.randn(0, 40), weight, bias).shape == (0, 24)
