"""The blocked product against the plain one."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
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


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # by what PyTorch imports for it
def test_transforms_of_functions_go_by_the_plain_product():
    weight, bias = weights(24, 40, torch.float32)
    x, several = torch.randn(5, 3, 40), torch.randn(5, 24, 40)
    with torch.no_grad():
        close(torch.vmap(kernels.linear, (0, None, None))(x, weight, bias), F.linear(x, weight, bias))
        close(torch.vmap(kernels.linear)(x, several), x @ several.mT)
        gated = torch.vmap(kernels.gated_linear, (0, None, None))(x, weight, bias)
        close(gated, kernels.swiglu(F.linear(x, weight, bias)))
        _, tangent = torch.func.jvp(lambda x: kernels.linear(x, weight, bias), (x,), (x,))
        close(tangent, F.linear(x, weight))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # by what PyTorch imports for it
def test_forward_mode_differentiation_keeps_its_tangents():
    weight, bias = weights(24, 40, torch.float32)
    x = torch.randn(3, 40)
    with torch.no_grad(), forward_ad.dual_level():
        product = kernels.linear(forward_ad.make_dual(x, x), weight, bias)
        close(forward_ad.unpack_dual(product).tangent, F.linear(x, weight))


# The operations are private ones of PyTorch. Before toto is imported, they are taken away, all of them
# or those that later versions brought, and the forecast must be that of the process that has them.
WITHOUT = """
import sys
from types import SimpleNamespace
import torch

torch.set_num_threads(1)
here = torch.ops.mkldnn
torch.ops.mkldnn = SimpleNamespace(**{name: getattr(here, name) for name in sys.argv[1:]})

from toto import MaskedTimeseries, Toto, TotoForecaster, estimate_memory, kernel_report

toto = Toto.from_pretrained("toto-nano")
series = MaskedTimeseries.from_array(torch.linspace(0, 9, 200).sin())
print(kernel_report()["linear"])
print(estimate_memory(toto, context_length=200, prediction_length=70).prepared)
print(*TotoForecaster(toto).forecast(series, 70, 2, seed=0).samples.flatten().tolist())
"""


def in_a_process_with(*operations: str) -> tuple[str, int, torch.Tensor]:
    done = subprocess.run([sys.executable, "-c", WITHOUT, *operations], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report, prepared, numbers = done.stdout.splitlines()
    return report, int(prepared), torch.tensor([float(number) for number in numbers.split()])


@pytest.fixture(scope="module")
def with_all_operations():
    return in_a_process_with("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")


@pytest.mark.skipif(torch.float32 not in BLOCKED_DTYPES, reason="no blocked product to take away")
@pytest.mark.parametrize("left", [(), ("_linear_pointwise",), ("_is_mkldnn_bf16_supported",)], ids=str)
def test_without_the_private_operations_forecasts_are_the_same(with_all_operations, left):
    report, prepared, expected = with_all_operations
    assert report.startswith("oneDNN with blocked weights")
    plain_report, plain_prepared, found = in_a_process_with(*left)
    assert plain_report == "native PyTorch (linear)"
    assert plain_prepared < prepared
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(torch.float32 not in BLOCKED_DTYPES, reason="no blocked product to take away")
def test_where_nothing_tells_of_half_precision_it_is_not_blocked():
    report, _, _ = in_a_process_with("_linear_pointwise", "_reorder_linear_weight")
    assert report.startswith("oneDNN with blocked weights on the CPU in float32, else")


def test_few_compiled_products_are_kept_unless_the_environment_says_otherwise():
    names = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
    environment = {name: value for name, value in os.environ.items() if name not in names} | {names[0]: "7"}
    program = f"import os, toto.kernels; print(*(os.environ[name] for name in {names}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["7", "64"]
