"""The predictive distribution of a pipeline: of every step of every row, under their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from toto.errors import InputError
from toto.inference.forecast_distribution import interval_levels
from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.pipeline.rows import StepDistribution


@dataclass(frozen=True, eq=False, repr=False)
class PipelineDistribution:
    """What every step of a forecast is distributed like, in units; for rows see `PipelineForecast`.

    Of models that predict quantiles it is uniform between them, with a stated model of the tails outside:
    see `QuantileDistribution`.

    Each step stands by itself: what holds of several steps together is a question for the paths of
    `TotoPipeline.forecast`.

    forecast: the same as a forecast, without paths: names, time stamps, history, pictures.
    """

    forecast: PipelineForecast

    @classmethod
    def of(cls, forecast: PipelineForecast) -> "PipelineDistribution":
        """Those of a forecast that kept them.

        Raises:
            InputError: it did not, being too large.
        """
        if forecast.rows.distribution is None:
            raise InputError(
                f"data: the distributions of {len(forecast)} rows over {forecast.horizon} steps take more "
                "than 256 MiB: take fewer rows at once, fewer paths, or quantiles of a forecast"
            )
        return cls(forecast)

    @property
    def mean(self) -> Float[Tensor, "*rows horizon"]:
        """Mean of every step."""
        return self.forecast.mean

    @property
    def median(self) -> Float[Tensor, "*rows horizon"]:
        """The median of every step."""
        return self.forecast.median

    @property
    def variance(self) -> Float[Tensor, "*rows horizon"]:
        """Variance of every step, in squared units."""
        return self._shaped(self._rows.variance)

    @property
    def std(self) -> Float[Tensor, "*rows horizon"]:
        """Standard deviation of every step."""
        return self.variance.sqrt()

    def quantile(self, q: Any) -> Float[Tensor, "..."]:
        """Quantiles of every step at any level; see `PipelineForecast.quantile`."""
        return self.forecast.quantile(q)

    def interval(
        self, coverage: float
    ) -> tuple[Float[Tensor, "*rows horizon"], Float[Tensor, "*rows horizon"]]:
        """The ends of the central interval that holds a step with probability `coverage`.

        Raises:
            InputError: a coverage outside 0 to 1.
        """
        low, high = self.quantile(interval_levels(coverage))
        return low, high

    def cdf(self, values: Any) -> Float[Tensor, "*rows horizon"]:
        """P(step <= value) for values that broadcast against [*rows, horizon], in units.

        Raises:
            InputError: no numbers, or a shape that does not fit.
        """
        return self._at(values, self._rows.cdf)

    def sf(self, values: Any) -> Float[Tensor, "*rows horizon"]:
        """P(step > value), with all its digits where it is small; see `cdf`."""
        return self._at(values, self._rows.sf)

    def log_prob(self, values: Any) -> Float[Tensor, "*rows horizon"]:
        """Log of the density at values, per unit; see `cdf`."""
        return self._at(values, self._rows.log_prob)

    def pdf(self, values: Any) -> Float[Tensor, "*rows horizon"]:
        """The density at values, per unit; see `cdf`."""
        return self.log_prob(values).exp()

    def sample(
        self, num_samples: SupportsIndex, seed: SupportsIndex | None = None
    ) -> Float[Tensor, "*rows horizon samples"]:
        """Independent draws of every step by itself; see `ForecastDistribution.sample`."""
        return self._shaped(self._rows.sample(num_samples, seed))

    def to_frame(self, levels: Sequence[float] | None = None) -> Any:
        """Mean, median and quantiles as a frame; see `PipelineForecast.to_frame`."""
        return self.forecast.to_frame(levels)

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        return f"PipelineDistribution({len(self.forecast)} rows, horizon {self.forecast.horizon})"

    def _at(self, values: Any, function: Callable[[Any], Tensor]) -> Float[Tensor, "*rows horizon"]:
        mean = self.forecast.mean
        try:
            given = torch.as_tensor(values, dtype=mean.dtype).broadcast_to(mean.shape)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"values must be numbers that broadcast against [*rows, horizon] = {list(mean.shape)}: "
                f"{error}"
            ) from error
        return self._shaped(function(given.reshape(len(self.forecast), 1, -1)))

    def _shaped(self, found: Float[Tensor, "rows 1 horizon *rest"]) -> Float[Tensor, "..."]:
        return found.reshape(*self.forecast.shape, *found.shape[2:])

    @property
    def _rows(self) -> StepDistribution:
        """The distributions of all rows, [rows, 1, horizon]."""
        found = self.forecast.rows.distribution
        assert found is not None
        return found
