"""Softmax attention.

On CUDA flash-attn and xformers take over where they are installed, support the GPU, and compute
the same thing; the tests marked `cuda` hold them to the native result.
"""

import contextlib
import functools
import importlib
import importlib.util
from types import ModuleType

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

MOST_CUDA_ROWS = 65_535  # attention kernels put rows on a grid axis of this size
_FEW_KEYS = 4


def attention(
    query: Float[Tensor, "rows heads queries head_dim"],
    key: Float[Tensor, "rows heads keys head_dim"],
    value: Float[Tensor, "rows heads keys head_dim"],
    allowed: Bool[Tensor, "rows 1 queries keys"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "rows heads queries head_dim"]:
    """softmax(query key^T / sqrt(head_dim)) value.

    `allowed` is True where a query may see a key (None: everywhere). With `causal` the queries
    are the last ones of the keys, and each sees the keys up to its own position.
    """
    if key.shape[2] == 1:
        return value.expand(query.shape)  # a softmax over one key is 1
    if query.is_cuda and query.shape[0] > MOST_CUDA_ROWS:
        return _in_parts(query, key, value, allowed, causal)
    if allowed is None and query.is_cuda:
        accelerated = _accelerated_attention(query, key, value, causal)
        if accelerated is not None:
            return accelerated
    if query.shape[2] == 1:
        causal = False  # the last query sees every key
    if _fused_is_slow(query):
        return _unfused(query, key, value, allowed, causal)
    if causal and query.shape[2] != key.shape[2]:
        allowed, causal = _last_queries_mask(query, key), False
    return F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, is_causal=causal)


def _fused_is_slow(query: Tensor) -> bool:
    """Gradients in half precision on a CPU: those of the fused kernel take five times as long."""
    half = query.dtype in (torch.bfloat16, torch.float16)
    return half and query.requires_grad and query.device.type == "cpu"


def _unfused(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, causal: bool) -> Tensor:
    if causal:
        allowed = _last_queries_mask(query, key)
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    return torch.matmul(scores.softmax(-1, dtype=torch.float32).to(value), value)


def branched_attention(
    query: Float[Tensor, "rows heads branches queries head_dim"],
    shared_key: Float[Tensor, "rows heads keys head_dim"],
    shared_value: Float[Tensor, "rows heads keys head_dim"],
    own_key: Float[Tensor, "rows heads branches own_keys head_dim"],
    own_value: Float[Tensor, "rows heads branches own_keys head_dim"],
    allowed: Bool[Tensor, "rows keys"] | None = None,
) -> Float[Tensor, "rows heads branches queries head_dim"]:
    """Causal attention of many branches over one shared past and each branch's own keys.

    All branches of a row are the queries of one matrix product with the shared keys, which are
    never copied; a joint softmax merges both parts exactly. The queries are the last of the own keys.
    `allowed` is True where a row may see a key of the past (None: everywhere).
    """
    rows, heads, branches, queries, head_dim = query.shape
    query = query * head_dim**-0.5
    flat = query.reshape(rows, heads, branches * queries, head_dim)
    shared = torch.matmul(flat, shared_key.transpose(-1, -2)).unflatten(2, (branches, queries))
    own = torch.matmul(query, own_key.transpose(-1, -2))
    if allowed is not None:
        shared = shared.masked_fill(~allowed[:, None, None, None], float("-inf"))
    if queries > 1:
        own = own.masked_fill(~_last_queries_mask(query, own_key), float("-inf"))
    weights = torch.cat([shared, own], dim=-1).softmax(-1)
    shared_weights, own_weights = weights.split([shared.shape[-1], own.shape[-1]], dim=-1)
    out = torch.matmul(shared_weights.flatten(2, 3), shared_value).unflatten(2, (branches, queries))
    return out + _mixed(own_weights, own_value)


def _mixed(weights: Tensor, values: Tensor) -> Tensor:
    """weights @ values; many products of one row with a few are slow as matrix products on a CPU."""
    if weights.shape[-2] == 1 and weights.shape[-1] <= _FEW_KEYS:
        return (weights.transpose(-1, -2) * values).sum(-2, keepdim=True)
    return torch.matmul(weights, values)


def _in_parts(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, causal: bool) -> Tensor:
    q, k, v = (t.split(MOST_CUDA_ROWS) for t in (query, key, value))
    masks = [None] * len(q) if allowed is None else allowed.split(MOST_CUDA_ROWS)
    return torch.cat([attention(*part, causal) for part in zip(q, k, v, masks, strict=True)])


def _last_queries_mask(query: Tensor, key: Tensor) -> Bool[Tensor, "queries keys"]:
    """True where query i, the last but (queries - 1 - i) of the keys, may see key j."""
    queries, keys = query.shape[-2], key.shape[-2]
    return torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)


def _accelerated_attention(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor | None:
    """The result of an installed CUDA kernel that applies, else None."""
    half = query.dtype in (torch.float16, torch.bfloat16)
    if query.shape[-1] % 8 or not (half or query.dtype is torch.float32):
        return None
    inputs = [t.transpose(1, 2) for t in (query, key, value)]  # rows, tokens, heads, head_dim
    flash = flash_attn(query.device)
    if flash is not None and half and query.shape[-1] <= 256:
        # its causal mask is aligned to the last key, as ours
        return flash.flash_attn_func(*inputs, causal=causal).transpose(1, 2)
    if optional("xformers") is not None:
        ops = importlib.import_module("xformers.ops")
        bias = ops.fmha.attn_bias.LowerTriangularFromBottomRightMask() if causal else None
        with contextlib.suppress(NotImplementedError):  # no kernel of its own for this GPU and these shapes
            return ops.memory_efficient_attention(*inputs, attn_bias=bias).transpose(1, 2)
    return None


def flash_attn(device: torch.device | None = None) -> ModuleType | None:
    """flash-attn where it is installed and the GPU is one that it supports (Ampere or newer)."""
    return optional("flash_attn") if torch.cuda.get_device_capability(device) >= (8, 0) else None


@functools.cache
def optional(name: str) -> ModuleType | None:
    """The module, or None where it is absent or does not load."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # built for another PyTorch or another GPU
        return None
