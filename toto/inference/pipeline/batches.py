"""Regular series as batches for the model: those of equally many patches together, some at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.regular_series import RegularSeries
from toto.inference.pipeline.reading import Reading
from toto.model.config import TotoConfig

_NUMBERS_AT_ONCE = 2**24  # paths and parameters of their distributions; in float32 64 MiB


class SeriesBatch(NamedTuple):
    """Series of one shape.

    places: of the series among all.
    inputs: [batch, variates, time]: targets, then covariates, the exogenous ones last.
    known_future: values of the exogenous covariates over the horizon; None: there are none.
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
    labelled: the model tells covariates from targets.
    """

    config: TotoConfig
    context: int
    horizon: int
    num_samples: int
    interpolate: bool = False
    labelled: bool = False

    def of(self, series: Sequence[RegularSeries]) -> Iterator[SeriesBatch]:
        """All series, in batches."""
        reading = Reading(self.config.patch_size, self.context, self.horizon, self.interpolate, self.labelled)
        by_shape: dict[Any, list[int]] = {}
        for place, one in enumerate(series):
            by_shape.setdefault(self._shape(one, reading.num_steps(one)), []).append(place)
        for (num_steps, num_targets, *_), places in by_shape.items():
            at_once = max(1, _NUMBERS_AT_ONCE // (num_targets * self.numbers_of_a_variate))
            for first in range(0, len(places), at_once):
                some = places[first : first + at_once]
                known = np.stack(
                    [_ended(reading.exogenous(series[place]), num_steps + self.horizon) for place in some]
                )
                seen = np.stack([_ended(reading.seen(series[place]), num_steps) for place in some])
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

    def _shape(self, one: RegularSeries, steps: int) -> tuple[Any, ...]:
        multiple = self.config.patch_size if steps < self.config.patch_size else self.config.stride
        covariates = [0 if some is None else len(some) for some in (one.past, one.static, one.known)]
        return steps + -steps % multiple, len(one.variates), *covariates, one.values.dtype


def _ended(values: Float[np.ndarray, "variates time"], num_steps: int) -> Float[np.ndarray, "variates steps"]:
    """The values behind so many missing ones that they are `num_steps`."""
    missing = np.full((len(values), num_steps - values.shape[1]), np.nan, values.dtype)
    return np.concatenate([missing, values], axis=1)
