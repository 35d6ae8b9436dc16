"""Scaling: every patch by the causal statistics at its end, then by asinh, which tames what is far out."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from toto.kernels import accumulation_dtype, running_sum
from toto.model.moments import Moments

SMALLEST_SCALE = 1e-6

Patches = Float[Tensor, "batch variates patches patch_size"]
Observed = Bool[Tensor, "batch variates patches patch_size"]
PerPatch = Float[Tensor, "batch variates patches 1"]


class PatchScale(NamedTuple):
    """`scaled = asinh((values - loc) / scale)`: one loc and one scale for each patch, in float64."""

    loc: PerPatch
    scale: PerPatch

    def scaled(self, patches: Patches, observed: Observed, dtype: torch.dtype) -> Patches:
        """Patches in scaled space, 0 where they are not observed.

        No value is far from statistics that include it, but the squares of huge ones overflow. What is not
        finite then becomes 0, for attention would carry it to series that do not even see this one.
        """
        scaled = ((patches - self.loc) / self.scale).to(torch.promote_types(dtype, torch.float32)).asinh()
        return torch.where(observed & scaled.isfinite(), scaled, 0.0).to(dtype)

    def in_units(
        self, scaled: Float[Tensor, "*levels batch variates patches patch_size"]
    ) -> Float[Tensor, "*levels batch variates patches patch_size"]:
        """Values in units; in float64, where sinh overflows beyond 710 (in float32 beyond 89)."""
        return scaled.to(self.loc.dtype).sinh() * self.scale + self.loc

    def of(self, patches: slice) -> "PatchScale":
        """Those of some patches."""
        return PatchScale(*(s[:, :, patches] for s in self))


@torch.no_grad()
def moments_by_patch(patches: Patches, observed: Observed, past: Moments | None = None) -> Moments:
    """The moments of all values up to the end of each patch [batch, variates, patches].

    `past` holds the moments before the first patch; None: there is nothing before it.
    """
    patch_size = patches.shape[-1]
    values, weights = patches.flatten(-2), observed.flatten(-2)
    before = Moments.empty(values[..., 0]) if past is None else past
    return Moments(*(m[..., patch_size - 1 :: patch_size] for m in before.running(values, weights)))


def causal_scale(moments: Moments) -> PatchScale:
    """Mean and standard deviation (Bessel) at the end of each patch."""
    spread = moments.sample_variance().sqrt().clamp(min=SMALLEST_SCALE)
    return PatchScale(moments.mean[..., None], spread[..., None])


@torch.no_grad()
def with_fallback(
    causal: PatchScale, moments: Moments, patches: Patches, observed: Observed, min_observed: int
) -> PatchScale:
    """Another loc and scale where fewer than `min_observed` values are known at the end of a patch.

    Those are of the first `min_observed` values of a series, wherever they are: statistics of two or three
    values say little. `patches` are all of the series, `causal` and `moments` those of some of its patches.
    """
    values = patches.flatten(-2).to(accumulation_dtype(patches.device))
    weights = observed.flatten(-2).to(values.dtype)
    first = weights * (running_sum(weights) <= min_observed)
    num_first = first.sum(-1, keepdim=True)
    mean = (values * first).sum(-1, keepdim=True) / num_first.clamp(min=1)
    squares = (first * (values - mean).square()).sum(-1, keepdim=True)
    spread = (squares / (num_first - 1).clamp(min=1)).sqrt().clamp(min=SMALLEST_SCALE)
    few = (moments.num_observed < min_observed)[..., None]
    return PatchScale(
        torch.where(few, mean[..., None], causal.loc), torch.where(few, spread[..., None], causal.scale)
    )
