"""The native attention against plain formulas, and accelerated ones against the native."""

import pytest
import torch

from toto import kernels
from toto.kernels import softmax_attention


def heads(*shape: int, seed: int = 0, dtype=torch.float64, device="cpu") -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device, dtype)


def plain_attention(q, k, v, allowed):
    scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (2, 5), (1, 5), (1, 1)])
def test_causal_attention_sees_the_keys_up_to_the_query(queries, keys):
    q, k, v = heads(2, 3, queries, 4), heads(2, 3, keys, 4, seed=1), heads(2, 3, keys, 4, seed=2)
    allowed = torch.arange(keys)[None, :] <= torch.arange(keys - queries, keys)[:, None]
    torch.testing.assert_close(kernels.attention(q, k, v, causal=True), plain_attention(q, k, v, allowed))


def test_attention_follows_the_mask():
    q, k, v = (heads(2, 3, 5, 4, seed=s) for s in range(3))
    allowed = (heads(2, 1, 5, 5, seed=4) > 0) | torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(kernels.attention(q, k, v, allowed=allowed), plain_attention(q, k, v, allowed))


@pytest.mark.parametrize("masked", [True, False])
def test_attention_that_trains_in_half_precision_is_the_same_function(masked):
    """Products of its own instead of the fused kernel: values and gradients, to the rounding of bfloat16."""
    allowed = ((heads(2, 1, 5, 5, seed=4) > 0) | torch.eye(5, dtype=torch.bool)) if masked else None
    results = []
    for dtype in (torch.float64, torch.bfloat16):
        q, k, v = (heads(2, 3, 5, 4, seed=s, dtype=dtype).requires_grad_() for s in range(3))
        out = kernels.attention(q, k, v, allowed, causal=not masked)
        out.square().sum().backward()
        results.append([out, q.grad, k.grad, v.grad])
    for exact, half in zip(*results, strict=True):
        torch.testing.assert_close(half.double(), exact, rtol=0.05, atol=0.05)


def test_a_single_key_is_its_value():
    q, k, v = heads(2, 3, 4, 4), heads(2, 3, 1, 4, seed=1), heads(2, 3, 1, 4, seed=2)
    torch.testing.assert_close(kernels.attention(q, k, v), v.expand(-1, -1, 4, -1))


@pytest.mark.parametrize("new", [1, 2])
@pytest.mark.parametrize("own", [4, 9])
def test_branches_over_a_shared_past_equal_each_branch_alone(new, own):
    past_k, past_v = heads(2, 3, 6, 4, seed=1), heads(2, 3, 6, 4, seed=2)
    q, own_k, own_v = (
        heads(2, 3, 5, new, 4, seed=3),
        heads(2, 3, 5, own, 4, seed=4),
        heads(2, 3, 5, own, 4, seed=5),
    )
    out = kernels.branched_attention(q, past_k, past_v, own_k, own_v)
    for n in range(5):
        k, v = torch.cat([past_k, own_k[:, :, n]], 2), torch.cat([past_v, own_v[:, :, n]], 2)
        torch.testing.assert_close(out[:, :, n], kernels.attention(q[:, :, n], k, v, causal=True))


def test_more_rows_than_a_kernel_takes_go_in_parts(monkeypatch):
    monkeypatch.setattr(softmax_attention, "MOST_CUDA_ROWS", 3)
    q, k, v = (heads(7, 3, 5, 4, seed=s) for s in range(3))
    allowed = (heads(7, 1, 5, 5, seed=4) > 0) | torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(
        softmax_attention._in_parts(q, k, v, allowed, False), kernels.attention(q, k, v, allowed)
    )
    torch.testing.assert_close(
        softmax_attention._in_parts(q, k, v, None, True), kernels.attention(q, k, v, causal=True)
    )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("queries", "causal"), [(33, True), (4, True), (33, False)])
def test_accelerated_attention_is_the_native_one(dtype, queries, causal):
    shapes = [(2, 3, queries, 64), (2, 3, 33, 64), (2, 3, 33, 64)]
    q, k, v = (heads(*shape, seed=s, dtype=dtype, device="cuda") for s, shape in enumerate(shapes))
    allowed = torch.ones(queries, 33, dtype=torch.bool, device="cuda").tril(33 - queries)
    expected = plain_attention(*(t.double() for t in (q, k, v)), allowed if causal else allowed | True)
    tolerance = 1e-4 if dtype is torch.float32 else 3e-2
    torch.testing.assert_close(
        kernels.attention(q, k, v, causal=causal).double(), expected, rtol=tolerance, atol=tolerance
    )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_a_forecast_on_a_gpu_is_that_of_the_processor(tiny):
    from toto import MaskedTimeseries, TotoForecaster

    inputs = MaskedTimeseries.from_array(heads(2, 3, 40).cumsum(-1))
    here = TotoForecaster(tiny).forecast(inputs, 20, 8, seed=0).samples
    there = TotoForecaster(tiny.cuda()).forecast(inputs, 20, 8, seed=0).samples
    torch.testing.assert_close(there.cpu(), here, rtol=1e-8, atol=1e-8)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_forecasts_on_a_gpu_run_with_deterministic_algorithms(tiny, monkeypatch):
    from toto import MaskedTimeseries, TotoForecaster

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    inputs = MaskedTimeseries.from_array(heads(2, 3, 40).cumsum(-1))
    torch.use_deterministic_algorithms(True)
    try:
        a, b = (TotoForecaster(tiny.cuda()).forecast(inputs, 20, 8, seed=0).samples for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(a, b)
