"""The loss of the published models: likelihood of the next patch, and a robust distance of its mean."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.model.backbone import TotoOutput

NLL_WEIGHT = 0.575
ROBUST_WEIGHT = 0.425
ROBUST_DELTA = 0.1


class Loss(NamedTuple):
    """Means over all counted steps, in scaled space, and how many steps those are."""

    total: Float[Tensor, ""]
    nll: Float[Tensor, ""]
    robust: Float[Tensor, ""]
    num_counted: Int[Tensor, ""]


class Targets(NamedTuple):
    """What every entry of an output is held against.

    values: the series one patch later in the scaled space of the predicting patch; 0 where not counted.
    counted: True where the target is a real value and the patch that predicts it could know something.
    """

    values: Float[Tensor, "batch variates steps"]
    counted: Bool[Tensor, "batch variates steps"]


def next_patches(
    series: Float[Tensor, "batch variates time"] | Bool[Tensor, "batch variates time"],
    patch_size: int,
    stride: int,
) -> Tensor:
    """The patch that follows each patch, [batch variates patches * patch_size]; 0 or False after the end."""
    following = F.pad(series, (0, patch_size))[..., patch_size:]
    return following.unfold(-1, patch_size, stride).flatten(-2)


def scaled_targets(
    output: TotoOutput,
    series: Float[Tensor, "batch variates time"],
    observed: Bool[Tensor, "batch variates time"],
    patch_size: int,
    stride: int,
) -> Targets:
    """The targets of a forward pass over `series`, (y - loc) / (scale + eps).

    `observed` is True where a value is real. Predictions of patches before the first real value do
    not count: they know nothing, not even the unit of the series.
    """
    started = observed.cumsum(-1).gt(0).unfold(-1, patch_size, stride)[..., -1:]
    able = started.expand(*started.shape[:-1], patch_size).flatten(-2)
    counted = next_patches(observed, patch_size, stride) & able
    eps = torch.finfo(output.scale.dtype).eps
    values = (next_patches(series, patch_size, stride) - output.loc) / (output.scale + eps)
    return Targets(torch.where(counted, values, 0.0), counted)


def robust_distance(error: Float[Tensor, "*batch"], delta: float = ROBUST_DELTA) -> Float[Tensor, "*batch"]:
    """log(1 + (error / delta)^2 / 2): Barron's general loss at alpha 0 (arXiv 1701.03077, equation 8)."""
    return torch.log1p(0.5 * (error / delta) ** 2)


def pretraining_loss(
    output: TotoOutput,
    series: Float[Tensor, "batch variates time"],
    observed: Bool[Tensor, "batch variates time"],
    patch_size: int,
    stride: int,
) -> Loss:
    """0.575 negative log likelihood + 0.425 robust distance of the mean, over counted steps only.

    `output` is that of the backbone on the same `series` (in their own units) and `observed`. A batch
    without a counted step has loss 0.
    """
    targets = scaled_targets(output, series, observed, patch_size, stride)
    num_counted = targets.counted.sum()
    weight = targets.counted.to(targets.values) / num_counted.clamp(min=1)
    nll = -(output.distribution.log_prob(targets.values) * weight).sum()
    robust = (robust_distance(output.distribution.mean - targets.values) * weight).sum()
    return Loss(NLL_WEIGHT * nll + ROBUST_WEIGHT * robust, nll, robust, num_counted)
