"""The distribution of a forecast: exact for the first patch, and a mixture over the sample paths after it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from toto.errors import InputError
from toto.model.distribution import MixtureOfStudentTs

Steps = Float[Tensor, "batch variates horizon"]
Scaled = Float[Tensor, "*points batch targets horizon"]


@dataclass(frozen=True, eq=False, repr=False)
class ForecastDistribution:
    """The distribution of every step by itself, with [batch, variates, horizon] as batch shape.

    All paths share the first patch, whose distribution is the model's own. That of a later step is the
    mixture of the model's distributions given each path so far: a better estimate than the drawn values,
    which add the noise of a draw from each. Covariates whose future is known are certain.

    mixtures: by step, in scaled space [batch, targets, steps]: of the first patch, and of the rest if any.
    loc, scale: the map out of scaled space, [batch, targets, 1].
    known: values of the last variates, [batch, covariates, horizon]; without covariates 0 of them.

    It takes 4 numbers per path and component for every step of a target after the first patch.
    """

    mixtures: tuple[MixtureOfStudentTs, ...]
    loc: Float[Tensor, "batch targets 1"]
    scale: Float[Tensor, "batch targets 1"]
    known: Float[Tensor, "batch covariates horizon"]

    @property
    @torch.no_grad()
    def mean(self) -> Steps:
        """Mean of every step."""
        return self._in_units(torch.cat([mixture.mean for mixture in self.mixtures], -1))

    @torch.no_grad()
    def quantile(self, q: Any) -> Float[Tensor, "*levels batch variates horizon"]:
        """The values that every step stays below with the probabilities `q`; 0 and 1 are infinitely far.

        The probability of a quantile is its level to 1e-5 of the smaller tail for models in float32, to
        1e-12 for models in float64.

        Args:
            q: one level, or a list, array or tensor [levels] of them, each from 0 to 1.

        Returns:
            [batch, variates, horizon] for one level, else [levels, batch, variates, horizon].

        Raises:
            InputError: a level outside 0 to 1.
        """
        levels = quantile_levels(q)
        first = levels.view(-1, 1, 1, 1)
        values = self._in_units(torch.cat([mixture.icdf(first) for mixture in self.mixtures], -1))
        return values[0] if levels.ndim == 0 else values

    @torch.no_grad()
    def cdf(self, values: Float[Tensor, "..."]) -> Float[Tensor, "*points batch variates horizon"]:
        """P(step <= value) for values that broadcast against [batch, variates, horizon], in units."""
        scaled, covariates = self._in_scaled_space(values)
        probability = self._by_step(scaled, MixtureOfStudentTs.cdf)
        certain = torch.where(covariates.isnan(), covariates, (covariates >= self.known).to(covariates))
        return torch.cat([probability.to(certain), certain], -2)

    @torch.no_grad()
    def log_prob(self, values: Float[Tensor, "..."]) -> Float[Tensor, "*points batch variates horizon"]:
        """Log of the density at values that broadcast against [batch, variates, horizon], in units.

        That of a certain value is infinite there and minus infinite elsewhere.
        """
        scaled, covariates = self._in_scaled_space(values)
        density = self._by_step(scaled, MixtureOfStudentTs.log_prob) - self.scale.log()
        certain = torch.where(covariates == self.known, torch.inf, -torch.inf).to(covariates)
        certain = torch.where(covariates.isnan(), covariates, certain)
        return torch.cat([density.to(certain), certain], -2)

    def to(self, device: torch.device | str) -> "ForecastDistribution":
        """The same distribution on `device`."""
        return self.each(lambda t: t.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> "ForecastDistribution":
        """The distribution with every tensor changed; the batch is the first axis of all of them."""
        mixtures = (MixtureOfStudentTs(*map(change, (m.df, m.loc, m.scale, m.logits))) for m in self.mixtures)
        return ForecastDistribution(tuple(mixtures), *map(change, (self.loc, self.scale, self.known)))

    def _in_units(self, scaled: Scaled) -> Float[Tensor, "*points batch variates horizon"]:
        values = (self.loc + self.scale * scaled).to(self.known)
        return torch.cat([values, self.known.expand(*values.shape[:-3], -1, -1, -1)], -2)

    def _in_scaled_space(
        self, values: Tensor
    ) -> tuple[Scaled, Float[Tensor, "*points batch covariates horizon"]]:
        """Values of the targets in scaled space, and of the known covariates in units."""
        batch, covariates, horizon = self.known.shape
        targets = self.loc.shape[1]
        values = torch.as_tensor(values).to(self.loc)
        shape = torch.broadcast_shapes(values.shape, (batch, targets + covariates, horizon))
        of_targets, of_covariates = values.expand(shape).split([targets, covariates], -2)
        return (of_targets - self.loc) / self.scale, of_covariates.to(self.known)

    def _by_step(self, scaled: Scaled, function: Callable[[MixtureOfStudentTs, Tensor], Tensor]) -> Scaled:
        steps = [mixture.batch_shape[-1] for mixture in self.mixtures]
        parts = zip(self.mixtures, scaled.split(steps, -1), strict=True)
        return torch.cat([function(mixture, x.to(mixture.loc)) for mixture, x in parts], -1)

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        batch, covariates, horizon = self.known.shape
        shape = [batch, self.loc.shape[1] + covariates, horizon]
        components = [mixture.loc.shape[-1] for mixture in self.mixtures]
        return f"ForecastDistribution([batch, variates, horizon] = {shape}, components = {components})"


def quantile_levels(q: Any) -> Float[Tensor, "*levels"]:
    """One level or a sequence of levels as float64 on the host.

    Raises:
        InputError: a level outside 0 to 1, or nothing that is a level.
    """
    try:
        given = q.detach().cpu() if isinstance(q, Tensor) else q
        levels = torch.as_tensor(given, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"q must be a level from 0 to 1, or a list of such levels, got {q!r}") from error
    if levels.ndim > 1 or not bool(((levels >= 0) & (levels <= 1)).all()):
        raise InputError(f"q must be a level from 0 to 1, or a list of such levels, got {q}")
    return levels
