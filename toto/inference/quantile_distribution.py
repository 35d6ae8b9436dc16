"""What a few quantiles say of a distribution, and a stated guess at what they do not say: its tails."""

import math
from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from toto.errors import InputError
from toto.inference.arguments import count, seed_number
from toto.inference.forecast_distribution import interval_levels, quantile_levels

Steps = Float[Tensor, "batch variates horizon"]
Edge = Float[Tensor, "batch variates horizon"]


@dataclass(frozen=True, eq=False, repr=False)
class QuantileDistribution:
    """The distribution of every step by itself: uniform between neighbouring quantiles, exponential outside.

    Nothing is known of the tails. The model of them is that the logarithm of the tail's probability goes on
    as the straight line through the two outermost quantiles: with x_a and x_b at the levels a < b,
    P(step <= x) = a exp((x - x_a) / s) below x_a, where s = (x_b - x_a) / ln(b / a), and alike above. That is
    exact where tails are exponential. Of a normal distribution known from 0.1 to 0.9 it puts the 0.025
    quantile at -2.16 instead of -1.96 standard deviations, and the 0.001 quantile at -4.20 instead of -3.09.

    quantiles: [batch, variates, horizon, levels], ascending over the levels; in units.
    levels: at least two, ascending between 0 and 1.

    Raises:
        InputError: a single level.
    """

    quantiles: Float[Tensor, "batch variates horizon levels"]
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.levels) < 2:
            raise InputError(f"levels must be at least two to tell of tails, got {self.levels}")

    @property
    def mean(self) -> Steps:
        """Mean of every step, with the model of the tails."""
        lowest, highest = self.levels[0], self.levels[-1]
        gaps = self.quantiles.new_tensor(self.levels).diff()
        middle = ((self.quantiles[..., 1:] + self.quantiles[..., :-1]) / 2 * gaps).sum(-1)
        below = lowest * (self.quantiles[..., 0] - self._below)
        above = (1 - highest) * (self.quantiles[..., -1] + self._above)
        return middle + below + above

    @property
    def variance(self) -> Steps:
        """Variance of every step, in squared units, with the model of the tails."""
        gaps, mean = self.quantiles.new_tensor(self.levels).diff(), self.mean
        from_mean = self.quantiles - mean[..., None]
        low, high = from_mean[..., :-1], from_mean[..., 1:]
        middle = ((low.square() + low * high + high.square()) / 3 * gaps).sum(-1)
        below, above = from_mean[..., 0] - self._below, from_mean[..., -1] + self._above
        tails = self.levels[0] * (below.square() + self._below.square())
        return middle + tails + (1 - self.levels[-1]) * (above.square() + self._above.square())

    @property
    def median(self) -> Steps:
        """The median of every step."""
        return self.quantile(0.5)

    def quantile(self, q: Any) -> Float[Tensor, "*levels batch variates horizon"]:
        """Quantiles at any level from 0 to 1; those of 0 and 1 are infinite.

        Args:
            q: one level, or a list, array or tensor [levels] of them.

        Returns:
            [batch, variates, horizon] for one level, else [levels, batch, variates, horizon].

        Raises:
            InputError: a level outside 0 to 1.
        """
        asked = quantile_levels(q)
        found = [self._quantile(level) for level in asked.reshape(-1).tolist()]
        if asked.ndim == 0:
            return found[0]
        return torch.stack(found) if found else self.quantiles.new_empty(0, *self.quantiles.shape[:-1])

    def interval(self, coverage: float) -> tuple[Steps, Steps]:
        """Ends of the central interval that holds a step with probability `coverage`.

        Raises:
            InputError: a coverage outside 0 to 1.
        """
        low, high = self.quantile(interval_levels(coverage))
        return low, high

    def cdf(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """P(step <= value) for values that broadcast against [batch, variates, horizon], in units."""
        return self._probability(values, upper=False)

    def sf(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """P(step > value), with all its digits where it is small; see `cdf`."""
        return self._probability(values, upper=True)

    def log_prob(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """Log of the density at values, per unit; see `cdf`. Infinite where quantiles are equal."""
        x = torch.as_tensor(values).to(self.quantiles)
        num_below = self._num_below(x)
        low, high, mass = self._segment(x, num_below)
        inside = mass.log() - (high - low).log()
        first, last = self.quantiles[..., 0], self.quantiles[..., -1]
        below = math.log(self.levels[0]) - self._below.log() + (x - first) / self._below
        above = math.log(1 - self.levels[-1]) - self._above.log() - (x - last) / self._above
        return self._by_place(num_below, below, inside, above)

    def sample(
        self, num_samples: SupportsIndex, seed: SupportsIndex | None = None
    ) -> Float[Tensor, "batch variates horizon samples"]:
        """Independent draws of every step by itself; nothing is known of several steps together.

        Args:
            num_samples: draws of every step.
            seed: makes them repeatable (None: from the global random state).

        Raises:
            InputError: no whole number of at least 1, or a seed outside 0 to 2^63 - 1.
        """
        shape = (*self.quantiles.shape[:-1], count("num_samples", num_samples))
        key = int(torch.randint(2**63 - 1, ())) if seed is None else seed_number(seed)
        generator = torch.Generator().manual_seed(key)
        level = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(min=2**-54)
        levels = torch.tensor([0.0, *self.levels, 1.0], dtype=torch.float64)
        place = torch.bucketize(level, levels[1:-1])
        # float32 rounds levels near 1 to 1, whose quantile is infinite: only what is made of them is rounded
        share, fall, rise = (
            of_level.to(self.quantiles)
            for of_level in (
                (level - levels[place]) / (levels[place + 1] - levels[place]),
                (level / self.levels[0]).log(),
                ((1 - level) / (1 - self.levels[-1])).log(),
            )
        )
        place = place.to(self.quantiles.device)
        low, high = (
            self.quantiles.gather(-1, (place + step).clamp(0, len(self.levels) - 1)) for step in (-1, 0)
        )
        below = self.quantiles[..., :1] + self._below[..., None] * fall
        above = self.quantiles[..., -1:] - self._above[..., None] * rise
        return self._by_place(place, below, torch.lerp(low, high, share), above)

    def _quantile(self, level: float) -> Steps:
        if level < self.levels[0]:
            return self.quantiles[..., 0] + self._below * _log(level / self.levels[0])
        if level > self.levels[-1]:
            return self.quantiles[..., -1] - self._above * _log((1 - level) / (1 - self.levels[-1]))
        return between(self.quantiles, self.levels, level)

    def _probability(self, values: Any, upper: bool) -> Tensor:
        x = torch.as_tensor(values).to(self.quantiles)
        num_below = self._num_below(x)
        low, high, mass = self._segment(x, num_below)
        start = self.quantiles.new_tensor(self.levels)[(num_below - 1).clamp(0, len(self.levels) - 2)]
        inside = start + mass * ((x - low) / (high - low)).nan_to_num()
        below = self.levels[0] * ((x - self.quantiles[..., 0]) / self._below).clamp(max=0).exp()
        above = (1 - self.levels[-1]) * ((self.quantiles[..., -1] - x) / self._above).clamp(max=0).exp()
        parts = (1 - below, 1 - inside, above) if upper else (below, inside, 1 - above)
        found = self._by_place(num_below, *parts)
        return torch.where(x.isnan() | self.quantiles[..., 0].isnan(), torch.nan, found)

    def _num_below(self, x: Tensor) -> Tensor:
        """How many of the quantiles are at or below each value."""
        return (self.quantiles <= x[..., None]).sum(-1)

    def _segment(self, x: Tensor, num_below: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The quantiles around each value, and the probability between them."""
        place = (num_below - 1).clamp(0, len(self.levels) - 2)[..., None]
        quantiles = self.quantiles.expand(*place.shape[:-1], -1)
        low, high = (quantiles.gather(-1, place + step)[..., 0] for step in (0, 1))
        return low, high, self.quantiles.new_tensor(self.levels).diff()[place[..., 0]]

    def _by_place(self, num_below: Tensor, below: Tensor, inside: Tensor, above: Tensor) -> Tensor:
        outside = torch.where(num_below == 0, below, above)
        return torch.where((num_below > 0) & (num_below < len(self.levels)), inside, outside)

    @property
    def _below(self) -> Edge:
        """The length, in units, in which the lower tail falls to a share of 1 / e."""
        a, b = self.levels[:2]
        return self._length(self.quantiles[..., 1] - self.quantiles[..., 0], math.log(b / a))

    @property
    def _above(self) -> Edge:
        a, b = self.levels[-2:]
        return self._length(self.quantiles[..., -1] - self.quantiles[..., -2], math.log((1 - a) / (1 - b)))

    def _length(self, distance: Edge, fall: float) -> Edge:
        """Above 0: of equal quantiles a digit of theirs."""
        numbers = torch.finfo(distance.dtype)
        digit = numbers.eps * self.quantiles.abs().amax(-1) + numbers.tiny
        return torch.maximum(distance / fall, digit)


def between(
    quantiles: Float[Tensor, "*batch levels"], levels: tuple[float, ...], level: float
) -> Float[Tensor, "*batch"]:
    """The quantile of a level within the predicted ones, linear between its neighbours."""
    above = next(place for place, predicted in enumerate(levels) if predicted >= level)
    high = quantiles[..., above]
    if levels[above] == level:
        return high
    low = quantiles[..., above - 1]
    weight = (level - levels[above - 1]) / (levels[above] - levels[above - 1])
    return torch.where(low == high, high, torch.lerp(low, high, weight))  # equal: infinite ones stay so


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf
