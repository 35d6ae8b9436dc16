"""What the heads predict from hidden vectors, without a feature vector for every step of every token.

Unembedding and heads are linear with nothing between, so one matrix, their product, does for both: exact
algebra. Inference multiplies it once and keeps it until a weight changes. Training multiplies it anew
where there are more tokens than outputs of the heads, which costs less than the features; gradients
flow through the product.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from toto import kernels
from toto.model.distribution import MixtureOfStudentTsOutput, StudentTOutput

Outputs = Float[Tensor, "*batch steps outputs"]


def project(
    hidden: Float[Tensor, "*batch embed_dim"],
    unembed: nn.Linear,
    heads: MixtureOfStudentTsOutput | StudentTOutput,
    num_steps: int,
) -> Outputs:
    """The joint projection of the heads for each of the first `num_steps` steps after each token."""
    with torch.autocast(hidden.device.type, enabled=False):
        hidden = hidden.to(torch.promote_types(hidden.dtype, torch.float32))  # half would round df to 2
        if torch.is_grad_enabled():
            return _differentiable(hidden, unembed, heads, num_steps)
        weights = (unembed.weight, unembed.bias, *heads.parameters())
        fold = partial(_folded, hidden.dtype, unembed, heads)
        weight, bias = kernels.kept(f"folded heads, {hidden.dtype}", weights, fold)
        num_outputs = num_steps * heads.num_outputs
        if num_outputs == len(bias):
            outputs = kernels.linear(hidden, weight, bias)
        else:
            outputs = F.linear(hidden, weight[:num_outputs], bias[:num_outputs])
        return outputs.unflatten(-1, (num_steps, -1))


def _differentiable(
    hidden: Tensor, unembed: nn.Linear, heads: MixtureOfStudentTsOutput | StudentTOutput, num_steps: int
) -> Outputs:
    num_tokens = hidden[..., 0].numel()
    if num_tokens > heads.num_outputs:
        weight, bias = _folded(hidden.dtype, unembed, heads, num_steps)
        return F.linear(hidden, weight, bias).unflatten(-1, (num_steps, -1))
    num_features = num_steps * hidden.shape[-1]
    weight, bias = (p[:num_features].to(hidden.dtype) for p in (unembed.weight, unembed.bias))
    features = F.linear(hidden, weight, bias).unflatten(-1, (num_steps, -1))
    return F.linear(features, *(p.to(hidden.dtype) for p in heads.joint_projection()))


def _folded(
    dtype: torch.dtype,
    unembed: nn.Linear,
    heads: MixtureOfStudentTsOutput | StudentTOutput,
    num_steps: int | None = None,
) -> tuple[Float[Tensor, "steps_x_outputs embed_dim"], Float[Tensor, " steps_x_outputs"]]:
    """Weight and bias of unembedding and heads in one, step by step (None: of the whole patch)."""
    weight, bias = (
        p.to(dtype).unflatten(0, (-1, unembed.in_features))[:num_steps]
        for p in (unembed.weight, unembed.bias)
    )
    head_weight, head_bias = (p.to(dtype) for p in heads.joint_projection())
    return torch.matmul(head_weight, weight).flatten(0, 1), F.linear(bias, head_weight, head_bias).flatten()
