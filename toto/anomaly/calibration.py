"""What a detector learns from a clean stretch, and how a history looks by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toto.anomaly.calibrated_tail import CalibratedTail
from toto.anomaly.inputs import real_numbers
from toto.errors import InputError

Values = Float[np.ndarray, "variates time"]

_SPREAD = 10.0  # of a variate as the model sees it: what varies by less than 0.1 looks constant to it
_ZERO = 1e-30  # what is smaller has no unit: ordinary values would overflow in it
_LEAST = 1e-9  # share of the level that rounding may make of a constant
_HUGE = 1000  # usual deviations
_FEW = 500  # values of which one may be huge
_FARTHEST = 1e3  # 100 spreads: values beyond would inflate the statistics of the model for long
_LARGEST = 1e30  # what is computed from it is still finite


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
        and zeros are taken to be on a level of 1. One huge value in 500 counts as a large one.
        """
        known = values[np.isfinite(values)]
        centre = float(np.median(known))
        low, high = np.quantile(known, [0.25, 0.75])
        known = _without_huge(known, centre, float(high - low))
        deviation = float(known.std())
        level = float(abs(known).max())
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
        """What `to_json` gave.

        Raises:
            InputError: no numbers, or not one of each for every variate or group.
        """
        read = cls(
            tuple(Unit(*real_numbers("units", numbers)) for numbers in found["units"]),
            tuple(CalibratedTail.from_json(tail) for tail in found["tails"]),
            tuple(int(number) for number in real_numbers("group_ids", found["group_ids"])),
            real_numbers("thresholds", found["thresholds"]),
        )
        counts = len(read.units), len(read.tails), len(read.group_ids)
        if len(set(counts)) > 1 or not read.units or len(read.thresholds) != len(set(read.group_ids)):
            raise InputError(
                "units, tails and group_ids must be one for each variate, and thresholds one for each group, "
                f"got {counts[0]}, {counts[1]}, {counts[2]} and {len(read.thresholds)}"
            )
        return read


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


def _without_huge(
    known: Float[np.ndarray, " known"], centre: float, middle_half: float
) -> Float[np.ndarray, " known"]:
    """Values, of which the few that deviate most are cut to 1000 times what is usual, or to the next one."""
    off = abs(known - centre)
    usual = middle_half or float(np.median(off[off > 0])) if off.any() else 0.0
    next_one = np.sort(off)[max(0, len(off) - 2 - len(off) // _FEW)]
    limit = max(_HUGE * usual, float(next_one))
    return np.clip(known, centre - limit, centre + limit)


def in_units(values: Values, units: Sequence[Unit]) -> Values:
    """Values in the units of the model, NaN where they are not finite."""
    centre, size = _columns(units)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((values - centre) / size, -_LARGEST, _LARGEST)
    return np.where(np.isfinite(values), scaled, np.nan)


def as_seen(scaled: Values, largest: Float[np.ndarray, " variates"] | None = None) -> Values:
    """What the model is shown of values in its units: at most 100 spreads, or twice the largest such before.

    A wrong value would inflate its statistics for long; a level that stays huge is followed in a few steps.

    Args:
        scaled: values in units of the model, NaN where missing.
        largest: how far the values of each variate went that it was shown before (None: nowhere).
    """
    shown = np.clip(scaled, -_FARTHEST, _FARTHEST)
    for variate, row in enumerate(scaled):
        most = 0.0 if largest is None else float(largest[variate])
        for step in np.flatnonzero(abs(row) >= _FARTHEST):
            limit = _FARTHEST if most < _FARTHEST else 2 * most
            shown[variate, step] = np.clip(row[step], -limit, limit)
            most = max(most, abs(shown[variate, step]))
    return shown


def out_of_units(scaled: Values, units: Sequence[Unit]) -> Values:
    """What the model sees, or predicts, in the units of the data."""
    centre, size = _columns(units)
    return centre + size * scaled


def _columns(units: Sequence[Unit]) -> tuple[Values, Values]:
    """Centre and size of each variate, [variates, 1]."""
    centre, size = ([getattr(unit, name) for unit in units] for name in ("centre", "size"))
    return np.array([centre], np.float64).T, np.array([size], np.float64).T
