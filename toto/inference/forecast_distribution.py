"""The distribution of a forecast: exact for the first patch, and a mixture over the sample paths after it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from toto.errors import InputError
from toto.inference.arguments import count, whole_number
from toto.inference.philox import random_bits
from toto.model.distribution import MixtureOfStudentTs

_COMPARED = 2**23  # draws times components at once; bounds memory

Steps = Float[Tensor, "batch variates horizon"]
Scaled = Float[Tensor, "*points batch targets horizon"]


@dataclass(frozen=True, eq=False, repr=False)
class ForecastDistribution:
    """The distribution of every step by itself, with [batch, variates, horizon] as batch shape.

    All paths share the first patch, whose distribution is the model's own. That of a later step is the
    mixture of the model's distributions given each path so far: a better estimate than the drawn values,
    which add the noise of a draw from each. Covariates whose future is known are certain.

    mixtures: by step, in scaled space [batch, targets, steps]: of the first patch, and of the rest if any.
    loc, scale: the map out of scaled space, [batch, targets, 1], or one for each step.
    known: values of the last variates, [batch, covariates, horizon]; without covariates 0 of them.

    It takes 4 numbers per path and component for every step of a target after the first patch.
    """

    mixtures: tuple[MixtureOfStudentTs, ...]
    loc: Float[Tensor, "batch targets #horizon"]
    scale: Float[Tensor, "batch targets #horizon"]
    known: Float[Tensor, "batch covariates horizon"]

    @property
    @torch.no_grad()
    def mean(self) -> Steps:
        """Mean of every step."""
        return self._in_units(torch.cat([mixture.mean for mixture in self.mixtures], -1))

    @property
    def median(self) -> Steps:
        """The median of every step."""
        return self.quantile(0.5)

    @property
    @torch.no_grad()
    def variance(self) -> Steps:
        """Variance of every step, in squared units; 0 where a value is certain."""
        scaled = torch.cat([mixture.variance for mixture in self.mixtures], -1)
        return torch.cat([(self.scale.square() * scaled).to(self.known), torch.zeros_like(self.known)], -2)

    @property
    def std(self) -> Steps:
        """Standard deviation of every step."""
        return self.variance.sqrt()

    @torch.no_grad()
    def quantile(self, q: Any) -> Float[Tensor, "*levels batch variates horizon"]:
        """The values that every step stays below with the probabilities `q`.

        The probability of a quantile is its level to 1e-5 of the smaller tail for models in float32, to
        1e-12 for models in float64. A level is computed once, whatever the number of calls.

        Args:
            q: one level, or a list, array or tensor [levels] of them, each from 0 to 1. The model's
                distributions have no bounds: the quantiles of 0 and 1 are minus and plus infinity.

        Returns:
            [batch, variates, horizon] for one level, else [levels, batch, variates, horizon].

        Raises:
            InputError: a level outside 0 to 1.
        """
        levels = quantile_levels(q)
        asked = levels.reshape(-1).tolist()
        new = [level for level in dict.fromkeys(asked) if level not in self._quantiles]
        if new:
            first = torch.tensor(new, dtype=torch.float64).view(-1, 1, 1, 1)
            scaled = torch.cat([mixture.icdf(first) for mixture in self.mixtures], -1)
            self._quantiles.update(zip(new, self._in_units(scaled), strict=True))
        if levels.ndim == 0:
            return self._quantiles[asked[0]].clone()
        found = [self._quantiles[level] for level in asked]
        return torch.stack(found) if found else self.known.new_empty(0, *self._shape)

    def interval(self, coverage: float) -> tuple[Steps, Steps]:
        """The lower and upper ends of the central interval that holds a step with probability `coverage`.

        Raises:
            InputError: a coverage outside 0 to 1.
        """
        low, high = self.quantile(interval_levels(coverage))
        return low, high

    @torch.no_grad()
    def cdf(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """P(step <= value) for values that broadcast against [batch, variates, horizon], in units.

        Raises:
            InputError: no numbers, or a shape that does not fit.
        """
        scaled, covariates = self._in_scaled_space(values)
        probability = self._by_step(scaled, MixtureOfStudentTs.cdf)
        return self._beside_certain(probability, covariates, (covariates >= self.known).to(covariates))

    @torch.no_grad()
    def sf(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """P(step > value), with all its digits where it is small; see `cdf`."""
        scaled, covariates = self._in_scaled_space(values)
        probability = self._by_step(scaled, MixtureOfStudentTs.sf)
        return self._beside_certain(probability, covariates, (covariates < self.known).to(covariates))

    @torch.no_grad()
    def log_prob(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """Log of the density at values that broadcast against [batch, variates, horizon], in units.

        That of a certain value is infinite there and minus infinite elsewhere.

        Raises:
            InputError: no numbers, or a shape that does not fit.
        """
        scaled, covariates = self._in_scaled_space(values)
        density = self._by_step(scaled, MixtureOfStudentTs.log_prob) - self.scale.log()
        certain = torch.where(covariates == self.known, torch.inf, -torch.inf).to(covariates)
        return self._beside_certain(density, covariates, certain)

    def pdf(self, values: Any) -> Float[Tensor, "*points batch variates horizon"]:
        """The density, per unit; see `log_prob`."""
        return self.log_prob(values).exp()

    @torch.no_grad()
    def sample(
        self, num_samples: SupportsIndex, seed: SupportsIndex | None = None
    ) -> Float[Tensor, "batch variates horizon samples"]:
        """Independent draws of every step by itself; steps belong together in the paths `Forecast.samples`.

        Args:
            num_samples: draws of every step.
            seed: makes them repeatable, alone or among more of them (None: from the global random state).

        Raises:
            InputError: no whole number of at least 1, or a seed outside 0 to 2^63 - 1.
        """
        number, key = count("num_samples", num_samples), whole_number(seed)
        if seed is None:
            key = int(torch.randint(2**63 - 1, ()))
        if key is None or not 0 <= key < 2**63:
            raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}")
        batch, _, horizon = self._shape
        places = (
            torch.arange(n, device=self.loc.device) for n in (batch, self.loc.shape[1], number, horizon)
        )
        series, variates, samples, steps = places
        series, variates = series[:, None, None], variates[:, None]
        at_once = max(1, _COMPARED // max(1, sum(mixture.logits.numel() for mixture in self.mixtures)))
        draws = []
        for some in samples.split(at_once):
            words = random_bits(key, series, variates, some[:, None, None, None], steps)[..., :3]
            parts = zip(self.mixtures, words.split(self._steps, -2), strict=True)
            draws.append(self._in_units(torch.cat([mixture.from_bits(part) for mixture, part in parts], -1)))
        return torch.cat(draws).movedim(0, -1)

    def cpu(self) -> "ForecastDistribution":
        """The same distribution in main memory."""
        return self.to("cpu")

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
        self, values: Any
    ) -> tuple[Scaled, Float[Tensor, "*points batch covariates horizon"]]:
        """Values of the targets in scaled space, and of the known covariates in units."""
        try:
            given = torch.as_tensor(values).to(self.loc)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"values must be an array of numbers: {error}") from error
        try:
            shape = torch.broadcast_shapes(given.shape, self._shape)
        except RuntimeError:
            shape = torch.Size()
        if shape[-3:] != self._shape:
            raise InputError(
                f"values must broadcast against [batch, variates, horizon] = {self._shape}, "
                f"got shape {tuple(given.shape)}"
            )
        targets = self.loc.shape[1]
        of_targets, of_covariates = given.expand(shape).split([targets, self._shape[1] - targets], -2)
        return (of_targets - self.loc) / self.scale, of_covariates.to(self.known)

    def _by_step(self, scaled: Scaled, function: Callable[[MixtureOfStudentTs, Tensor], Tensor]) -> Scaled:
        parts = zip(self.mixtures, scaled.split(self._steps, -1), strict=True)
        return torch.cat([function(mixture, x.to(mixture.loc)) for mixture, x in parts], -1)

    def _beside_certain(self, uncertain: Scaled, covariates: Tensor, certain: Tensor) -> Tensor:
        """What holds for the targets, and for covariates that are known; that of NaN is NaN."""
        certain = torch.where(covariates.isnan(), covariates, certain)
        return torch.cat([uncertain.to(certain), certain], -2)

    @property
    def _shape(self) -> tuple[int, int, int]:
        batch, covariates, horizon = self.known.shape
        return batch, self.loc.shape[1] + covariates, horizon

    @property
    def _steps(self) -> list[int]:
        """How many steps each of the mixtures has."""
        return [mixture.batch_shape[-1] for mixture in self.mixtures]

    @cached_property
    def _quantiles(self) -> dict[float, Tensor]:
        """What was computed, by level."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave computed quantiles out of files."""
        return {field: getattr(self, field) for field in ("mixtures", "loc", "scale", "known")}

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        components = [mixture.loc.shape[-1] for mixture in self.mixtures]
        shape = f"[batch, variates, horizon] = {list(self._shape)}"
        return f"ForecastDistribution({shape}, components = {components})"


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


def interval_levels(coverage: Any) -> tuple[float, float]:
    """The levels of the ends of the central interval that holds a step with this probability.

    Raises:
        InputError: a coverage outside 0 to 1, or nothing that is one number.
    """
    try:
        share = torch.as_tensor(coverage, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"coverage must be a probability from 0 to 1, got {coverage!r}") from error
    if share.ndim or not 0 <= share.item() <= 1:
        raise InputError(f"coverage must be a probability from 0 to 1, got {coverage!r}")
    return (1 - share.item()) / 2, (1 + share.item()) / 2
