"""The loss of the second generation: quantile loss of the next patch, in scaled space."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from toto.model.losses import counted_share, next_patches
from toto.model2.toto2 import LEVELS, Toto2Output


def quantile_loss(
    output: Toto2Output,
    series: Float[Tensor, "batch variates time"],
    observed: Bool[Tensor, "batch variates time"],
    patch_size: int,
    weight: Float[Tensor, "#batch variates time"] | None = None,
) -> Float[Tensor, ""]:
    """Twice the pinball loss, its mean over levels and counted steps: at the median the absolute error.

    Quantiles stay quantiles under asinh, so the best ones in scaled space are the best ones in units, and no
    step that lies far out rules the loss. The arguments are those of `pretraining_loss`; `output` is that of
    a model that predicts one patch.
    """
    dtype = output.quantiles.dtype
    share = counted_share(observed, patch_size, patch_size, weight, dtype)
    values = (next_patches(series, patch_size, patch_size) - output.loc) / output.scale
    values = torch.where(share > 0, values, 0.0).asinh().to(dtype)
    error = values - output.quantiles.flatten(-2)
    levels = error.new_tensor(LEVELS)[:, None, None, None]
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(0)
    return 2 * (pinball * share).sum()
