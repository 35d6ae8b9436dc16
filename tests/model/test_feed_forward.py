import pytest
import torch
from torch import nn

from toto.model.feed_forward import FeedForward


class Silence(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0 * x.chunk(2, dim=-1)[0]


@pytest.fixture
def block() -> FeedForward:
    torch.manual_seed(0)
    return FeedForward(8, 16, 0.0)


def test_a_replaced_gate_is_used(block):
    block[1] = Silence()
    with torch.no_grad():
        torch.testing.assert_close(block(torch.randn(3, 8)), block[2].bias.expand(3, 8))


def test_a_forward_of_its_own_is_used(block):
    block[0].forward = lambda x: torch.zeros(len(x), 32)
    with torch.no_grad():
        torch.testing.assert_close(block(torch.randn(3, 8)), block[2].bias.expand(3, 8))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_hooks_are_called_and_change_nothing(block, place):
    x, seen = torch.randn(3, 8), []
    with torch.no_grad():
        before = block(x)
        block[place].register_forward_hook(lambda *_: seen.append(place))
        torch.testing.assert_close(block(x), before)
    assert seen == [place]
