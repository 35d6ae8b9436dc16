"""The result of a forecast by a model that predicts quantiles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.errors import InputError
from toto.inference.forecast_distribution import interval_levels, quantile_levels
from toto.inference.quantile_distribution import QuantileDistribution, between

Steps = Float[Tensor, "batch variates horizon"]


@dataclass(frozen=True, eq=False, repr=False)
class QuantileForecast:
    """Quantiles of every step by itself, in units; no sample paths, and no density.

    quantiles: [batch, variates, horizon, levels], ascending over the levels.
    levels: the probabilities that a step stays below them, ascending, such as (0.1, 0.2, ..., 0.9).

    Between two levels quantiles are interpolated linearly. What lies below the lowest level or above the
    highest was not predicted, and to ask for it is an error; `distribution` has a model of it.

    Raises:
        InputError: levels that are not ascending between 0 and 1, or not as many as quantiles.
    """

    quantiles: Float[Tensor, "batch variates horizon levels"]
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the levels."""
        bounded = (0.0, *self.levels, 1.0)
        ascending = all(low < high for low, high in pairwise(bounded))
        if len(self.levels) != self.quantiles.shape[-1] or not ascending:
            raise InputError(
                f"levels must ascend between 0 and 1, one for each of {self.quantiles.shape[-1]} quantiles, "
                f"got {self.levels}"
            )

    @property
    def median(self) -> Steps:
        """The median of every step: the point forecast."""
        return self.quantile(0.5)

    @property
    def mean(self) -> Steps:
        """The mean of what lies between the lowest and the highest level; the tails are not known.

        `distribution.mean` includes its model of the tails.
        """
        levels = torch.tensor(self.levels, dtype=torch.float64)
        if len(levels) == 1:
            return self.quantiles[..., 0]
        gaps = levels.diff()
        weights = torch.cat([gaps, gaps.new_zeros(1)]) + torch.cat([gaps.new_zeros(1), gaps])
        weights = weights / weights.sum()
        return (self.quantiles * weights.to(self.quantiles)).sum(-1)

    def quantile(self, q: Any) -> Float[Tensor, "*levels batch variates horizon"]:
        """Quantiles at any level from the lowest to the highest predicted, linear between them.

        Args:
            q: one level, or a list, array or tensor [levels] of them.

        Returns:
            [batch, variates, horizon] for one level, else [levels, batch, variates, horizon].

        Raises:
            InputError: a level outside those predicted.
        """
        asked = quantile_levels(q)
        check_levels("q", q, self.levels, "distribution.quantile goes on with a stated model of the tails")
        found = [between(self.quantiles, self.levels, level) for level in asked.reshape(-1).tolist()]
        if asked.ndim == 0:
            return found[0]
        return torch.stack(found) if found else self.quantiles.new_empty(0, *self.quantiles.shape[:-1])

    def interval(self, coverage: float) -> tuple[Steps, Steps]:
        """The lower and upper ends of the central interval that holds a step with probability `coverage`.

        Raises:
            InputError: no probability, or one whose ends are outside the levels predicted.
        """
        tail, _ = interval_levels(coverage)
        widest = 1 - 2 * max(self.levels[0], 1 - self.levels[-1])
        if coverage > widest + 1e-12:
            raise InputError(
                f"coverage must be at most {widest:g}, that of the levels predicted, got {coverage!r}"
            )
        tail = max(tail, self.levels[0])
        low, high = self.quantile([tail, min(1 - tail, self.levels[-1])])
        return low, high

    @property
    def distribution(self) -> QuantileDistribution:
        """Densities, probabilities and quantiles at any level, with a stated model of the tails.

        Raises:
            InputError: a single level.
        """
        return QuantileDistribution(self.quantiles, self.levels)

    def cpu(self) -> "QuantileForecast":
        """The same forecast in main memory."""
        return self.to("cpu")

    def to(self, device: torch.device | str) -> "QuantileForecast":
        """The same forecast on `device`."""
        return self.each(lambda t: t.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> "QuantileForecast":
        """The forecast with every tensor changed; the batch is the first axis of all of them."""
        return QuantileForecast(change(self.quantiles), self.levels)

    def numpy(self) -> Shaped[np.ndarray, "batch variates horizon levels"]:
        """The quantiles as an array."""
        return self.quantiles.detach().cpu().numpy()

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        levels = f"{len(self.levels)} levels from {self.levels[0]:g} to {self.levels[-1]:g}"
        return f"QuantileForecast([batch, variates, horizon] = {list(self.quantiles.shape[:-1])}, {levels})"


def check_levels(name: str, asked: Any, predicted: Sequence[float], way_out: str) -> None:
    """Raise unless all levels asked for lie within those that a model predicts.

    Raises:
        InputError: one does not; the message ends with `way_out`.
    """
    levels, lowest, highest = quantile_levels(asked), predicted[0], predicted[-1]
    if bool(((levels < lowest) | (levels > highest)).any()):
        raise InputError(
            f"{name} must be from {lowest:g} to {highest:g}, the levels that the model predicts, "
            f"got {asked}: what lies outside is not known; {way_out}"
        )
