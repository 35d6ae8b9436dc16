"""The result of a forecast."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.errors import InputError
from toto.inference.forecast_distribution import ForecastDistribution, quantile_levels

Steps = Float[Tensor, "batch variates horizon"]


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """Point forecast, sample paths and, if it was kept, the distribution of every step; in units.

    mean: [batch, variates, horizon]; of the distribution, else of the paths, else the mean path.
    samples: [batch, variates, horizon, samples], or None for a forecast of the mean alone.
    distribution: what the paths were drawn from (`forecast(..., keep_distribution=True)`), or None.
    """

    mean: Steps
    samples: Float[Tensor, "batch variates horizon samples"] | None = None
    distribution: ForecastDistribution | None = None

    @property
    def median(self) -> Steps:
        """The median of every step."""
        self._require_samples("median")
        return self.quantile(0.5)

    @property
    def std(self) -> Steps:
        """Standard deviation over the paths; 0 for a single path."""
        samples = self._require_samples("std")
        return samples.std(dim=-1, correction=min(1, samples.shape[-1] - 1))

    def quantile(self, q: Any) -> Float[Tensor, "*levels batch variates horizon"]:
        """Quantiles of the distribution, else over the paths, interpolated linearly between them.

        Args:
            q: one level, or a list, array or tensor [levels] of them, each from 0 to 1.

        Returns:
            [batch, variates, horizon] for one level, else [levels, batch, variates, horizon].

        Raises:
            InputError: a level outside 0 to 1, or a forecast without samples.
        """
        if self.distribution is not None:
            return self.distribution.quantile(q)
        self._require_samples("quantile")
        levels = quantile_levels(q)
        positions = levels.flatten() * (self._sorted.shape[-1] - 1)
        below = positions.floor().long()
        above = positions.ceil().long()
        low, high = (self._sorted[..., i.to(self._sorted.device)] for i in (below, above))
        between = (positions - below).to(self._sorted)
        # where both ends are equal (infinite ones too) no interpolation is wanted
        values = torch.where(low == high, low, torch.lerp(low, high, between.expand_as(low)))
        values = values.movedim(-1, 0)
        return values[0] if levels.ndim == 0 else values

    def cpu(self) -> "Forecast":
        """The same forecast in main memory."""
        return self.to("cpu")

    def to(self, device: torch.device | str) -> "Forecast":
        """The same forecast on `device`."""
        return self.each(lambda t: t.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Forecast":
        """The forecast with every tensor changed; the batch is the first axis of all of them."""
        samples = None if self.samples is None else change(self.samples)
        distribution = None if self.distribution is None else self.distribution.each(change)
        return Forecast(change(self.mean), samples, distribution)

    def numpy(self) -> Shaped[np.ndarray, "..."]:
        """The samples as an array [batch, variates, horizon, samples]; without samples, the mean."""
        return (self.mean if self.samples is None else self.samples).detach().cpu().numpy()

    @cached_property
    def _sorted(self) -> Tensor:
        """The paths in order at every step: sorted once, for all levels ever asked for."""
        return self._require_samples("quantile").sort(dim=-1).values

    def _require_samples(self, purpose: str) -> Tensor:
        if self.samples is None:
            raise InputError(
                f"{purpose} needs sample paths, got a mean forecast: pass num_samples=256 to forecast"
            )
        return self.samples

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        samples = "no samples" if self.samples is None else f"{self.samples.shape[-1]} samples"
        return f"Forecast([batch, variates, horizon] = {list(self.mean.shape)}, {samples})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the sorted copy out of files."""
        return {"mean": self.mean, "samples": self.samples, "distribution": self.distribution}
