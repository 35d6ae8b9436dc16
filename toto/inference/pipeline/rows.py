"""The numbers of a pipeline's forecast: of models that draw paths, and of models that predict quantiles."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.errors import InputError
from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.plot import COVERAGES
from toto.inference.quantile_distribution import QuantileDistribution
from toto.inference.quantile_forecast import QuantileForecast, check_levels
from toto.model.distribution import MixtureOfStudentTs

Steps = Float[Tensor, "rows horizon"]
Band = tuple[float, float]
StepDistribution = ForecastDistribution | QuantileDistribution

COVERED = [(0.5 - share / 2, 0.5 + share / 2) for share in COVERAGES]


class Rows(ABC):
    """The numbers of all rows; a row is a variate of a series."""

    @property
    @abstractmethod
    def mean(self) -> Steps:
        """The mean of every step."""

    @property
    @abstractmethod
    def samples(self) -> Float[Tensor, "rows horizon samples"]:
        """Sample paths.

        Raises:
            InputError: there are none; the message says why, and what to do instead.
        """

    @property
    @abstractmethod
    def described(self) -> str:
        """What there is, in two or three words."""

    @property
    @abstractmethod
    def bands(self) -> list[Band]:
        """The levels between which a picture draws bands, each the lower and the upper one."""

    @property
    @abstractmethod
    def distribution(self) -> StepDistribution | None:
        """The distribution of every step, [rows, 1, horizon]; None if it was not kept."""

    @abstractmethod
    def quantile(self, level: float) -> Steps:
        """The quantile of every step.

        Raises:
            InputError: it is not known.
        """


class Part(NamedTuple):
    """The distributions of some rows, [batch, 1, horizon]."""

    rows: Int[Tensor, " batch"]
    distribution: ForecastDistribution


@dataclass(frozen=True, eq=False)
class SampledRows(Rows):
    """From a model that draws paths.

    means: of the distributions.
    paths: or None if they were not kept.
    quantiles: by level, those that were asked for; more as they are computed.
    parts: the distributions of all rows, or None if they were not kept.
    joint: whether steps and rows of a path go together as the errors of the context did.
    """

    means: Steps
    paths: Float[Tensor, "rows horizon samples"] | None
    quantiles: dict[float, Steps]
    parts: list[Part] | None
    joint: bool

    @property
    def mean(self) -> Steps:
        """See `Rows`."""
        return self.means

    @property
    def samples(self) -> Float[Tensor, "rows horizon samples"]:
        """See `Rows`."""
        if self.paths is None:
            raise InputError("samples were not kept: pass keep_samples=True to forecast")
        return self.paths

    @property
    def described(self) -> str:
        """See `Rows`."""
        return f"samples {'none' if self.paths is None else self.paths.shape[-1]}"

    @property
    def bands(self) -> list[Band]:
        """See `Rows`."""
        if self.parts is None:
            return bands_of(sorted(self.quantiles))
        return COVERED

    @cached_property
    def distribution(self) -> ForecastDistribution | None:
        """See `Rows`; those of all parts as one, in the order of the rows."""
        if self.parts is None:
            return None
        order = torch.argsort(torch.cat([part.rows for part in self.parts]))
        found = [part.distribution for part in self.parts]

        def joined(pieces: Iterable[Tensor]) -> Tensor:
            return torch.cat(list(pieces))[order]

        mixtures = [
            MixtureOfStudentTs(
                *(joined(getattr(one, name) for one in of_parts) for name in ("df", "loc", "scale", "logits"))
            )
            for of_parts in zip(*(one.mixtures for one in found), strict=True)
        ]
        return ForecastDistribution(
            tuple(mixtures),
            joined(one.loc for one in found),
            joined(one.scale for one in found),
            joined(one.known for one in found),
        )

    def quantile(self, level: float) -> Steps:
        """See `Rows`; computed once."""
        if level not in self.quantiles:
            if self.parts is None:
                raise InputError(
                    f"q: the quantile {level:g} was not asked for, and the distributions, being large, were "
                    f"not kept; pass quantile_levels=[..., {level:g}] to forecast (monitor.forecast does so)"
                )
            found = self.means.new_empty(self.means.shape)
            for part in self.parts:
                found[part.rows] = part.distribution.quantile(level)[:, 0]
            self.quantiles[level] = found  # once it is whole: other threads read it
        return self.quantiles[level]


@dataclass(frozen=True, eq=False)
class QuantileRows(Rows):
    """From a model that predicts quantiles.

    forecast: of all rows, [rows, 1, horizon].
    tails: whether quantiles outside the predicted levels come from a model of the tails, or are errors.
    """

    forecast: QuantileForecast
    tails: bool

    @property
    def mean(self) -> Steps:
        """See `Rows`; without a model of the tails that of what lies between lowest and highest level."""
        return (self.forecast.distribution.mean if self.tails else self.forecast.mean)[:, 0]

    @property
    def samples(self) -> Float[Tensor, "rows horizon samples"]:
        """See `Rows`."""
        raise InputError(
            "samples: a model that predicts quantiles of every step by itself has no sample paths, which "
            "tell of several steps together; ask for quantile(...) of each step, or take a model that draws "
            "paths, such as toto-nano"
        )

    @property
    def described(self) -> str:
        """See `Rows`."""
        levels = self.forecast.levels
        return f"{len(levels)} quantiles from {levels[0]:g} to {levels[-1]:g}"

    @property
    def bands(self) -> list[Band]:
        """See `Rows`."""
        return COVERED if self.tails else bands_of(self.forecast.levels)

    @property
    def distribution(self) -> QuantileDistribution:
        """See `Rows`; always with the model of the tails."""
        return self.forecast.distribution

    def quantile(self, level: float) -> Steps:
        """See `Rows`."""
        if self.tails:
            return self.forecast.distribution.quantile(level)[:, 0]
        check_levels("q", level, self.forecast.levels, TAILS)
        return self.forecast.quantile(level)[:, 0]


TAILS = 'with tails "exponential" the forecast goes on with a stated model of them'


def bands_of(levels: Sequence[float]) -> list[Band]:
    """At most three pairs of levels that lie as far below as above the median."""
    pairs = [(low, high) for low in levels for high in levels if low < 0.5 and abs(low + high - 1) < 1e-9]
    return pairs[:: max(1, -(-len(pairs) // 3))]
