"""Regular series as batches for the model: those of equally many patches together, some at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toto.data.interpolation import interpolated
from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.regular_series import RegularSeries
from toto.model.config import TotoConfig

_NUMBERS_AT_ONCE = 2**24  # paths and parameters of their distributions; in float32 64 MiB


class SeriesBatch(NamedTuple):
    """Series of one shape.

    places: of the series among all.
    inputs: [batch, variates, time]: targets, past covariates, known ones.
    known_future: values of the known covariates over the horizon; None: there are none.
    num_targets: how many of the first variates are wanted.
    """

    places: list[int]
    inputs: MaskedTimeseries
    known_future: Float[np.ndarray, "batch known horizon"] | None
    num_targets: int


@dataclass(frozen=True)
class Batches:
    """Batches of series for a forecast of `num_samples` paths of `horizon` steps from the last `context`.

    interpolate: fill gaps, or else leave it to the model what a missing value reads as.
    """

    config: TotoConfig
    context: int
    horizon: int
    num_samples: int
    interpolate: bool = False

    def of(self, series: Sequence[RegularSeries]) -> Iterator[SeriesBatch]:
        """All series, in batches."""
        by_shape: dict[Any, list[int]] = {}
        for place, one in enumerate(series):
            by_shape.setdefault(self._shape(one), []).append(place)
        for (num_steps, num_targets, *_), places in by_shape.items():
            at_once = max(1, _NUMBERS_AT_ONCE // (num_targets * self.numbers_of_a_variate))
            for first in range(0, len(places), at_once):
                some = places[first : first + at_once]
                known = np.stack([self._known(series[place], num_steps) for place in some])
                seen = np.stack([self._seen(series[place], num_steps) for place in some])
                rows = np.concatenate([seen, known[:, :, :num_steps]], axis=1)
                yield SeriesBatch(
                    some,
                    MaskedTimeseries.from_array(rows, num_exogenous_variables=known.shape[1]),
                    known[:, :, num_steps:] if known.shape[1] else None,
                    num_targets,
                )

    @property
    def numbers_of_a_variate(self) -> int:
        """What the paths of a variate and their distributions consist of."""
        shared = min(self.horizon, self.config.patch_size)  # of the first patch there is one distribution
        parameters = 4 * self.config.k_components * (shared + self.num_samples * (self.horizon - shared))
        return self.num_samples * self.horizon + parameters

    def _shape(self, one: RegularSeries) -> tuple[Any, ...]:
        steps = min(self.context, one.values.shape[1])
        multiple = self.config.patch_size if steps < self.config.patch_size else self.config.stride
        covariates = [0 if some is None else len(some) for some in (one.past, one.known)]
        return steps + -steps % multiple, len(one.variates), *covariates, one.values.dtype

    def _seen(self, one: RegularSeries, num_steps: int) -> Float[np.ndarray, "variates time"]:
        """Targets and past covariates at the end of a series, behind missing steps to fill patches."""
        values = one.values if one.past is None else np.concatenate([one.values, one.past])
        return self._ended(values[:, -self.context :], num_steps)

    def _known(self, one: RegularSeries, num_steps: int) -> Float[np.ndarray, "known time_and_horizon"]:
        """Known covariates in the last `num_steps` steps and over the horizon, as the model reads them.

        That is a patch early: where it reads them it predicts the steps that they are about. Beyond what is
        known the last value stays.
        """
        num_past = one.values.shape[1]
        first = max(0, num_past - self.context)
        if one.known is None:
            return np.empty((0, num_steps + self.horizon), one.values.dtype)
        steps = np.arange(first, num_past + self.horizon) + self.config.patch_size
        read = one.known[:, np.minimum(steps, one.known.shape[1] - 1)]
        return self._ended(read, num_steps + self.horizon)

    def _ended(
        self, values: Float[np.ndarray, "variates time"], num_steps: int
    ) -> Float[np.ndarray, "variates steps"]:
        """The values behind so many missing ones that they are `num_steps`."""
        values = interpolated(values) if self.interpolate else values
        missing = np.full((len(values), num_steps - values.shape[1]), np.nan, values.dtype)
        return np.concatenate([missing, values], axis=1)
