"""Paths whose steps and variates go together within a patch, as the errors of the context did.

The model predicts every step of a patch by itself and tells nothing of how they go together. Drawn each by
itself, they jump about where a real series would stay too high or too low for a while: sums of such paths
are spread far too little. Here they are joined by a Gaussian copula, which leaves the distribution of every
single step as it is; and so are the variates that see each other.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from toto.inference.context import Context
from toto.inference.decoding import Randomness, Values
from toto.kernels import accumulation_dtype
from toto.model.backbone import PredictiveDistribution, TotoBackbone, TotoOutput
from toto.model.groups import visible_variates

# What is taken for known before a patch of the context is looked at, in patches: the correlation of steps is
# _SHARED * _DECAY ** lag, about what errors of the bundled model have on real series.
_PATCHES_KNOWN = 4
_SHARED, _DECAY = 0.9, 0.97
_DECAYS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.965, 0.98, 0.99, 0.995, 1.0)
_MOST_SHARED = 0.999  # else steps that all go together have a singular correlation
_FARTHEST = 5.0  # a single step that nobody expected says little of its neighbours


class Roots(NamedTuple):
    """Lower triangular roots of correlations: between the variates of a series, and between its steps.

    The correlation of two places is the product of both.
    """

    variates: Float[Tensor, "batch variates variates"]
    steps: Float[Tensor, "batch variates steps steps"]


class JointDraw:
    """One draw of every step for each sample path, joined over the steps of a patch and over variates.

    Normal numbers with the correlations become levels, and the levels values: their quantiles.
    """

    def __init__(self, randomness: Randomness, roots: Roots) -> None:
        self.randomness = randomness
        self.roots = roots

    def __call__(self, prediction: TotoOutput, start: int) -> Values:
        """Values of the steps from `start` on."""
        _, num_variates, _, num_steps = prediction.distribution.batch_shape
        word = self.randomness.of_steps(start, num_steps, num_variates)[..., 0].to(self.roots.steps)
        rounding = torch.finfo(word.dtype).eps
        normal = torch.special.ndtri(((word + 0.5) / 2**32).clamp(max=1 - rounding))
        normal = torch.einsum("bvw,bwst->bvst", self.roots.variates, normal)
        level = torch.special.ndtr(normal @ self.roots.steps[..., :num_steps, :num_steps].mT)
        drawn = _quantiles(prediction.distribution, level.clamp(rounding, 1 - rounding))
        return prediction.loc + prediction.scale * drawn


def correlation_roots(backbone: TotoBackbone, context: Context) -> Roots:
    """The roots of the correlations of the errors with which the context was predicted patch by patch.

    Errors are in normal units. The correlation of steps is shared * decay ** lag and at least 0, as few
    patches tell no more. The guess counts as much as a few patches. Variates that do not see each other are
    not joined.
    """
    errors = _normal_errors(backbone, context)
    visible = visible_variates(backbone.patch_groups(context.group_ids[..., -backbone.config.patch_size :]))
    shared, decay = _fitted(*_correlations(errors))
    steps = torch.arange(errors.values.shape[-1], device=shared.device)
    correlation = shared[..., None, None] * decay[..., None, None] ** (steps[:, None] - steps).abs()
    correlation.diagonal(dim1=-2, dim2=-1).fill_(1.0)
    return Roots(_variate_root(errors.values, visible), torch.linalg.cholesky(correlation))


class _Errors(NamedTuple):
    """By patch and step in it: the normal quantile of the probability of what happened, 0 where missing."""

    values: Float[Tensor, "batch variates patches steps"]
    observed: Bool[Tensor, "batch variates patches steps"]


def _normal_errors(backbone: TotoBackbone, context: Context) -> _Errors:
    patch_size, stride = backbone.config.patch_size, backbone.config.stride
    series, observed, group_ids, num_exogenous_variables = context
    prediction = backbone(series, observed, group_ids, num_exogenous_variables=num_exogenous_variables)

    def behind_every_patch(t: Tensor) -> Tensor:  # behind the last one nothing is known
        later = torch.nn.functional.pad(t[..., patch_size:], (0, patch_size))
        return later.unfold(-1, patch_size, stride).flatten(-2)

    scaled = (behind_every_patch(series) - prediction.loc) / prediction.scale
    level = prediction.distribution.cdf(scaled).to(accumulation_dtype(scaled.device))
    num_seen = observed.cumsum(-1)[..., patch_size - 1 :: stride].repeat_interleave(patch_size, -1)
    usable = behind_every_patch(observed) & (num_seen >= patch_size) & level.isfinite()
    errors = torch.where(usable, torch.special.ndtri(level).clamp(-_FARTHEST, _FARTHEST), 0.0)
    return _Errors(*(t.unflatten(-1, (-1, patch_size)) for t in (errors, usable)))


def _correlations(
    errors: _Errors,
) -> tuple[Float[Tensor, "batch variates lags"], Float[Tensor, " lags"]]:
    """The correlation at every lag from 0 on, and how many pairs of steps of a patch have it."""
    num_steps = errors.values.shape[-1]
    steps = torch.arange(num_steps, device=errors.values.device)
    lags = (steps[:, None] - steps).abs().flatten()

    def by_lag(values: Float[Tensor, "*batch patches steps"]) -> Float[Tensor, "*batch lags"]:
        products = (values.mT @ values).flatten(-2)
        return products.new_zeros(*products.shape[:-1], num_steps).index_add(-1, lags, products)

    pairs = by_lag(errors.values.new_ones(1, num_steps))
    known = _PATCHES_KNOWN * pairs
    guess = torch.where(steps == 0, 1.0, _SHARED * _DECAY**steps).to(known)
    sums = by_lag(errors.values) + known * guess
    found = sums / (by_lag(errors.observed.to(sums)) + known)
    return found / found[..., :1], pairs


def _fitted(
    correlation: Float[Tensor, "batch variates lags"], pairs: Float[Tensor, " lags"]
) -> tuple[Float[Tensor, "batch variates"], Float[Tensor, "batch variates"]]:
    """The shared * decay ** lag that is nearest to the correlations, in squares over all pairs."""
    decays = torch.tensor(_DECAYS).to(correlation)
    powers = decays[:, None] ** torch.arange(1, correlation.shape[-1]).to(decays)
    wanted, weights = correlation[..., 1:], pairs[1:]
    shared = (wanted * weights) @ powers.mT / (powers.square() @ weights)
    shared = shared.nan_to_num(0.0).clamp(0, _MOST_SHARED)
    misfit = ((wanted[..., None, :] - shared[..., None] * powers).square() * weights).sum(-1)
    best = misfit.argmin(-1, keepdim=True)
    return shared.gather(-1, best)[..., 0], decays[best[..., 0]]


def _variate_root(
    errors: Float[Tensor, "batch variates patches steps"],
    visible: Bool[Tensor, "batch 1 variates variates"] | None,
) -> Float[Tensor, "batch variates variates"]:
    """The root of the correlations of variates at one step; the guess is that they have none."""
    flat = errors.flatten(-2)
    together = flat @ flat.mT
    together.diagonal(dim1=-2, dim2=-1).add_(_PATCHES_KNOWN * errors.shape[-1])
    size = together.diagonal(dim1=-2, dim2=-1).sqrt()
    correlation = together / (size[..., None] * size[..., None, :])
    if visible is not None:
        correlation = torch.where(visible[:, 0], correlation, 0.0)
    return torch.linalg.cholesky(correlation)


def _quantiles(distribution: PredictiveDistribution, level: Values) -> Values:
    """The values at the levels of every path; paths that share a distribution are its levels."""
    if distribution.batch_shape[2] > 1:
        return distribution.icdf(level)
    return distribution.icdf(level.movedim(2, 0)[:, :, :, None])[:, :, :, 0].movedim(0, 2)
