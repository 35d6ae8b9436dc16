"""Linear maps of inference, RMSNorm and the gated feed-forward block."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from toto import kernels


class Linear(nn.Linear):
    """`nn.Linear` in the precision of its weight, run by the fastest product that the machine has."""

    def forward(self, input: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """input weight^T + bias."""
        return kernels.linear(input.to(self.weight.dtype), self.weight, self.bias)


class RMSNorm(nn.Module):
    """Root-mean-square normalisation (arXiv 1910.07467), with a learned scale if `include_weight`."""

    def __init__(self, dim: int, include_weight: bool = True, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.scale = nn.Parameter(torch.ones(dim)) if include_weight else None
        self.eps = eps

    def forward(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """x / sqrt(mean(x^2) + eps) * scale."""
        scale = x.new_ones(self.dim) if self.scale is None else self.scale
        return kernels.rms_norm(x, scale, self.eps)


class SwiGLU(nn.Module):
    """silu(first half) * second half (arXiv 2002.05202)."""

    def forward(self, x: Float[Tensor, "*batch two_hidden"]) -> Float[Tensor, "*batch hidden"]:
        """Gate the second half of the features with the first."""
        return kernels.swiglu(x)


class FeedForward(nn.Sequential):
    """The gated block of a layer; its positions in the sequence name the published weights (0 and 2)."""

    def __init__(self, embed_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__(
            Linear(embed_dim, 2 * hidden_dim), SwiGLU(), Linear(hidden_dim, embed_dim), nn.Dropout(dropout)
        )

    def forward(self, input: Float[Tensor, "*batch embed_dim"]) -> Float[Tensor, "*batch embed_dim"]:
        """Expand, gate, contract; expansion and gate in one operation unless watched or replaced."""
        expand, gate, contract, dropout = self
        plain = type(gate) is SwiGLU and not _is_changed(expand) and not _is_changed(gate)
        if type(expand) is Linear and plain:
            hidden = kernels.gated_linear(input.to(expand.weight.dtype), expand.weight, expand.bias)
        else:  # an adapter, a quantised map, an observer
            hidden = gate(expand(input))
        return dropout(contract(hidden))


def _is_changed(module: nn.Module) -> bool:
    """Whether a module has hooks or a forward of its own."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return "forward" in module.__dict__ or any(hooks)
