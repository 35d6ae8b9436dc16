"""RMSNorm and the gated feed-forward block."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from toto import kernels


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


def feed_forward(embed_dim: int, hidden_dim: int, dropout: float) -> nn.Sequential:
    """The block of a layer; its positions in the sequence name the published weights (0 and 2)."""
    return nn.Sequential(
        nn.Linear(embed_dim, 2 * hidden_dim), SwiGLU(), nn.Linear(hidden_dim, embed_dim), nn.Dropout(dropout)
    )
