"""Linear maps of unit-scaled models (arXiv 2407.17465), their norm, and the two kinds of feed-forward block.

A unit-scaled map divides by a power of its number of inputs: (x W^T + b) / inputs^power. Here the division
is done where it costs nothing: a norm multiplies its output by a gain anyway, and so does the residual sum.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from toto import kernels
from toto.model.feed_forward import Linear
from toto.model.published_order import Reordered

# of silu: brings its output near unit variance, 0.8 by the size of forward and 0.2 of backward passes
SILU_GAIN = math.exp(0.8 * math.log(math.sqrt(2 / (1 - 1 / math.pi))) + 0.2 * math.log(2))


def fan_in_gain(inputs: int, power: float = 0.5) -> float:
    """What a unit-scaled map with so many inputs multiplies by; power 1 is that of a readout."""
    return float(inputs**-power)


class UnitLinear(Linear):
    """The unit-scaled map for an x that is already multiplied by `gain`: x W^T + gain b."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.gain = fan_in_gain(inputs)

    def forward(self, input: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """input weight^T + gain * bias."""
        return kernels.linear(input.to(self.weight.dtype), self.weight, self.scaled_bias())

    def scaled_bias(self) -> Float[Tensor, " outputs"] | None:
        """The bias times the gain."""
        return None if self.bias is None else self.bias * self.gain


class Norm(nn.Module):
    """x / sqrt(mean(x^2) + eps) [* weight], over the last axis."""

    def __init__(self, dim: int, eps: float, include_weight: bool) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps
        self.weight = nn.Parameter(torch.ones(dim)) if include_weight else None

    def forward(
        self, x: Float[Tensor, "*batch features"], gain: float = 1.0
    ) -> Float[Tensor, "*batch features"]:
        """The normalised features, times `gain`."""
        weight = x.new_full((self.dim,), gain) if self.weight is None else self.weight.to(x.dtype) * gain
        return kernels.rms_norm(x, weight, self.eps)


class FeedForward(Reordered):
    """fc2(up * silu(gate)), with (up, gate) = fc1(x); takes x times `gain`, and leaves fc2 undivided.

    Published weights have `up` in the first half of fc1; in memory it is the gate, as the gated product
    takes it.
    """

    def __init__(self, d_model: int, d_ff: int, bias: bool) -> None:
        super().__init__()
        self.gain = fan_in_gain(d_model)
        self.fc1 = UnitLinear(d_model, 2 * d_ff, bias)
        self.fc2 = Linear(d_ff, d_model, bias)
        gate_first = [*range(d_ff, 2 * d_ff), *range(d_ff)]
        self.reorder({"fc1.weight": gate_first, "fc1.bias": gate_first})

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Expand, gate, contract."""
        if type(self.fc1) is UnitLinear:
            x = x.to(self.fc1.weight.dtype)
            return self.fc2(kernels.gated_linear(x, self.fc1.weight, self.fc1.scaled_bias()))
        return self.fc2(kernels.swiglu(self.fc1(x)))  # an adapter in place of the map


class ResidualMlp(nn.Module):
    """(linear2(silu(linear1(x))) + skip_proj(x)) / sqrt(2), all unit-scaled: embedding, and head.

    `power` is that of `linear2` and `skip_proj`.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, power: float) -> None:
        super().__init__()
        self.linear1 = UnitLinear(inputs, hidden)
        self.linear2 = Linear(hidden, outputs)
        self.skip_proj = Linear(inputs, outputs)
        self.branch_gain = fan_in_gain(hidden, power) * math.sqrt(0.5)
        self.skip_gain = fan_in_gain(inputs, power) * math.sqrt(0.5)

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The sum of both ways."""
        hidden = F.silu(self.linear1(x * self.linear1.gain)) * SILU_GAIN
        return torch.add(self.linear2(hidden) * self.branch_gain, self.skip_proj(x), alpha=self.skip_gain)
