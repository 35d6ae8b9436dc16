"""Paths whose steps within a patch go together, as the errors of the context did.

The model predicts every step of a patch by itself and tells nothing of how they go together. Drawn each by
itself, they jump about where a real series would stay too high or too low for a while: sums of such paths
are spread far too little. Here they are joined by a Gaussian copula, which leaves the distribution of every
single step as it is.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from toto.inference.context import Context
from toto.inference.decoding import Randomness, Values
from toto.kernels import accumulation_dtype
from toto.model.backbone import PredictiveDistribution, TotoBackbone, TotoOutput

# What is taken for known before a patch of the context is looked at, in patches: the correlation of steps is
# _SHARED * _DECAY ** lag, about what errors of the bundled model have on real series.
_PATCHES_KNOWN = 4
_SHARED, _DECAY = 0.9, 0.97
_DECAYS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.965, 0.98, 0.99, 0.995, 1.0)
_MOST_SHARED = 0.999  # else the correlations of steps that never part have no root
_FARTHEST = 5.0  # a single step that nobody expected says little of its neighbours

Root = Float[Tensor, "batch variates steps steps"]


class JointDraw:
    """One draw of every step for each sample path, the steps of a patch joined.

    Normal numbers with the correlation of the steps become levels, and the levels values: their quantiles.

    Args:
        root: the lower triangular root of the correlations, of `correlation_root`.
    """

    def __init__(self, randomness: Randomness, root: Root) -> None:
        self.randomness = randomness
        self.root = root

    def __call__(self, prediction: TotoOutput, start: int) -> Values:
        """Values of the steps from `start` on."""
        _, num_variates, _, num_steps = prediction.distribution.batch_shape
        word = self.randomness.of_steps(start, num_steps, num_variates)[..., 0]
        normal = torch.special.ndtri((word.to(self.root) + 0.5) / 2**32)
        level = torch.special.ndtr(normal @ self.root[..., :num_steps, :num_steps].mT)
        rounding = torch.finfo(level.dtype).eps
        drawn = _quantiles(prediction.distribution, level.clamp(rounding, 1 - rounding))
        return prediction.loc + prediction.scale * drawn


def correlation_root(backbone: TotoBackbone, context: Context) -> Root:
    """The lower triangular root of the correlations between the steps of a patch, for every variate.

    They are those of the errors with which the context was predicted patch by patch, in normal units, as a
    function a * b ** lag of the lag: so few patches tell no more. A short context counts beside a guess.
    """
    errors = _normal_errors(backbone, context)
    shared, decay = _fitted(*_correlations(errors))
    steps = torch.arange(errors.values.shape[-1], device=shared.device)
    correlation = shared[..., None, None] * decay[..., None, None] ** (steps[:, None] - steps).abs()
    correlation.diagonal(dim1=-2, dim2=-1).fill_(1.0)
    return torch.linalg.cholesky(correlation)


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
    """a and b of the a * b ** lag that is nearest to the correlations, in squares over all pairs."""
    decays = torch.tensor(_DECAYS).to(correlation)
    powers = decays[:, None] ** torch.arange(1, correlation.shape[-1]).to(decays)
    wanted, weights = correlation[..., 1:], pairs[1:]
    shared = (wanted * weights) @ powers.mT / (powers.square() @ weights)
    shared = shared.nan_to_num(0.0).clamp(0, _MOST_SHARED)
    misfit = ((wanted[..., None, :] - shared[..., None] * powers).square() * weights).sum(-1)
    best = misfit.argmin(-1, keepdim=True)
    return shared.gather(-1, best)[..., 0], decays[best[..., 0]]


def _quantiles(distribution: PredictiveDistribution, level: Values) -> Values:
    """The values at the levels of every path; paths that share a distribution are its levels."""
    if distribution.batch_shape[2] > 1:
        return distribution.icdf(level)
    return distribution.icdf(level.movedim(2, 0)[:, :, :, None])[:, :, :, 0].movedim(0, 2)
