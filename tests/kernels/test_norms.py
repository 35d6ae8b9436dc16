import torch

from toto import kernels
from toto.model.util import RMSNorm


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rms_norm_and_swiglu_are_their_formulas():
    x, scale = random(3, 8), random(8, seed=1)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-8).sqrt() * scale
    torch.testing.assert_close(kernels.rms_norm(x, scale), expected)
    gate, up = x[:, :4], x[:, 4:]
    torch.testing.assert_close(kernels.swiglu(x), gate * torch.sigmoid(gate) * up)


def test_a_norm_may_have_no_scale():
    x = random(3, 8)
    assert torch.equal(RMSNorm(8, False)(x), RMSNorm(8).double()(x))
