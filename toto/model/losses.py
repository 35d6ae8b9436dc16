"""The loss of the published models: likelihood of the next patch, and a robust distance of its mean."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from toto.model.backbone import PredictiveDistribution, TotoOutput

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


def counted_steps(
    observed: Bool[Tensor, "batch variates time"], patch_size: int, stride: int
) -> Bool[Tensor, "batch variates steps"]:
    """Where the next patch of each patch has a real value and the patch could know something.

    Predictions of patches before the first real value do not count: they know nothing, not even the unit of
    the series.
    """
    started = observed.cumsum(-1).gt(0).unfold(-1, patch_size, stride)[..., -1:]
    able = started.expand(*started.shape[:-1], patch_size).flatten(-2)
    return next_patches(observed, patch_size, stride) & able


def counted_share(
    observed: Bool[Tensor, "batch variates time"],
    patch_size: int,
    stride: int,
    weight: Float[Tensor, "#batch variates time"] | None,
    dtype: torch.dtype,
) -> Float[Tensor, "batch variates steps"]:
    """What each entry of an output counts in a mean; the sum is 1, or 0 if none counts.

    `weight` says how much each step of the series counts as a target (None: all the same).
    """
    share = counted_steps(observed, patch_size, stride).to(dtype)
    if weight is not None:
        share = share * next_patches(weight.to(dtype).expand(observed.shape), patch_size, stride)
    return share / share.sum().clamp(min=1e-12)


def scaled_targets(
    output: TotoOutput,
    series: Float[Tensor, "batch variates time"],
    observed: Bool[Tensor, "batch variates time"],
    patch_size: int,
    stride: int,
) -> Targets:
    """The targets of a forward pass over `series`, (y - loc) / (scale + eps).

    `observed` is True where a value is real; which entries count, `counted_steps` says.
    """
    counted = counted_steps(observed, patch_size, stride)
    eps = torch.finfo(output.scale.dtype).eps
    values = (next_patches(series, patch_size, stride) - output.loc) / (output.scale + eps)
    values = values.to(output.distribution.df.dtype)
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
    weight: Float[Tensor, "#batch variates time"] | None = None,
) -> Loss:
    """0.575 negative log likelihood + 0.425 robust distance of the mean, over counted steps only.

    `output` is that of the backbone on the same `series` (in their own units) and `observed`. `weight` says
    how much each step of the series counts as a target (None: all the same); 0 keeps it out, as covariates
    and what no forecast is wanted of. A batch without a counted step has loss 0.
    """
    targets = scaled_targets(output, series, observed, patch_size, stride)
    share = counted_share(observed, patch_size, stride, weight, targets.values.dtype)
    nll = -(output.distribution.log_prob(targets.values) * share).sum()
    robust = (robust_distance(output.distribution.mean - targets.values) * share).sum()
    return Loss(NLL_WEIGHT * nll + ROBUST_WEIGHT * robust, nll, robust, share.count_nonzero())


class CombinedLoss(nn.Module):
    """The loss of every step by itself, as code of toto-ts calls it; which ones count is up to the caller."""

    def __init__(
        self,
        nll_weight: float = NLL_WEIGHT,
        robust_weight: float = ROBUST_WEIGHT,
        delta: float = ROBUST_DELTA,
    ) -> None:
        super().__init__()
        self.nll_weight, self.robust_weight, self.delta = nll_weight, robust_weight, delta

    def forward(
        self, distribution: PredictiveDistribution, target: Float[Tensor, "*batch steps"]
    ) -> Float[Tensor, "*batch steps"]:
        """Weighted negative log likelihood and robust distance of the mean; all in scaled space."""
        robust = robust_distance(distribution.mean - target, self.delta)
        return self.robust_weight * robust - self.nll_weight * distribution.log_prob(target)
