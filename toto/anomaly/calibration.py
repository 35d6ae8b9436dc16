"""What a detector learns from a clean stretch, and how a history looks by it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toto.anomaly.calibrated_tail import CalibratedTail
from toto.errors import InputError

Values = Float[np.ndarray, "variates time"]

_SPREAD = 10.0  # of a variate as the model sees it: what varies by less than 0.1 looks constant to it
_ZERO = 1e-30  # what is smaller has no unit: ordinary values would overflow in it
_LEAST = 1e-9  # share of the level that rounding may make of a constant


@dataclass(frozen=True)
class Unit:
    """The unit in which the model sees a variate, and the least deviation in its own that counts."""

    centre: float
    size: float
    floor: float

    @classmethod
    def of(cls, values: Float[np.ndarray, " time"], floor: float | int | None) -> "Unit":
        """That of the values of a clean stretch, NaN where missing.

        Unless given, the floor is a hundredth of their standard deviation; of a constant, of its level,
        and zeros are taken to be on a level of 1.
        """
        seen = values[np.isfinite(values)]
        centre, deviation = float(np.median(seen)), float(seen.std())
        low, high = np.quantile(seen, [0.25, 0.75])
        level = float(abs(seen).max())
        if level < _ZERO:
            level = 1.0
        if deviation <= _LEAST * level:
            size = 0.01 * level
        else:
            size = float(high - low) / 1.349 or deviation
            size = max(size, 0.01 * deviation)
        least = 0.01 * max(deviation, size)
        return cls(centre, size / _SPREAD, least if floor is None else floor)


@dataclass(frozen=True)
class Calibration:
    """What `Detector.fit` learns: units and tails of the variates, their groups, and thresholds of those."""

    units: tuple[Unit, ...]
    tails: tuple[CalibratedTail, ...]
    group_ids: tuple[int, ...]
    thresholds: tuple[float, ...]

    @property
    def groups(self) -> Int[np.ndarray, " variates"]:
        """The number of the group of every variate, from 0."""
        return np.unique(self.group_ids, return_inverse=True)[1].astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return {
            "units": [[unit.centre, unit.size, unit.floor] for unit in self.units],
            "tails": [tail.to_json() for tail in self.tails],
            "group_ids": list(self.group_ids),
            "thresholds": list(self.thresholds),
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Calibration":
        """What `to_json` gave."""
        return cls(
            tuple(Unit(*numbers) for numbers in found["units"]),
            tuple(CalibratedTail.from_json(tail) for tail in found["tails"]),
            tuple(found["group_ids"]),
            tuple(found["thresholds"]),
        )


def units_of(values: Values, floor: float | int | None) -> tuple[Unit, ...]:
    """The units of all variates.

    Raises:
        InputError: a variate without any value.
    """
    empty = np.flatnonzero(~np.isfinite(values).any(1))
    if len(empty):
        raise InputError(
            f"series must hold observed values of every variate, got none of variate {empty[0]}: leave it out"
        )
    return tuple(Unit.of(row, floor) for row in values)
