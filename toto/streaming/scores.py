"""How probable the steps that arrived were, by what was predicted of them before."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.quantile_distribution import QuantileDistribution

Steps = Float[Tensor, "streams variates steps"]


@dataclass(frozen=True, eq=False, repr=False)
class StreamScores:
    """Scores of the steps that one call appended; computed when they are first asked for.

    All are [streams, variates, steps], without covariates; NaN where a value is missing, and where a stream
    got fewer steps than another. What was predicted depends on no step from the scored one on.

    ids: of the streams. values: what arrived, in units.
    steps_ahead: how far ahead each step was predicted, [streams, steps]; 0 where a stream got none.
    distribution: what was predicted. Of a model of quantiles the density is constant between two of them, and
        tails are those of `QuantileDistribution`.
    """

    ids: tuple[Hashable, ...]
    values: Steps
    steps_ahead: Int[Tensor, "streams steps"]
    distribution: ForecastDistribution | QuantileDistribution

    @cached_property
    def log_prob(self) -> Steps:
        """Log of the density that was predicted at the value, per unit."""
        return self._known(self.distribution.log_prob(self.values))

    @cached_property
    def surprise(self) -> Steps:
        """How much less likely than the median the value was: log of the ratio of the densities there."""
        return self.distribution.log_prob(self.distribution.median) - self.log_prob

    @cached_property
    def lower_tail(self) -> Steps:
        """P(step <= value) as it was predicted, with its digits where it is small."""
        return self._known(self.distribution.cdf(self.values))

    @cached_property
    def upper_tail(self) -> Steps:
        """P(step > value) as it was predicted, with its digits where it is small."""
        return self._known(self.distribution.sf(self.values))

    @cached_property
    def two_sided_tail(self) -> Steps:
        """Probability of a step as far out as the value, on either side: twice the smaller tail.

        If the predictions are right, it is below p in a share p of all steps.
        """
        return (2 * torch.minimum(self.lower_tail, self.upper_tail)).clamp(max=1)

    def interval(self, coverage: float = 0.99) -> tuple[Steps, Steps]:
        """Ends of the central interval that was predicted to hold the value with probability `coverage`."""
        return self.distribution.interval(coverage)

    def _known(self, scores: Steps) -> Steps:
        return torch.where(self.values.isnan(), torch.nan, scores)

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        return f"StreamScores([streams, variates, steps] = {list(self.values.shape)})"
