"""Checks of what detectors are given."""

from numbers import Real
from typing import Any

import numpy as np

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError


def real_number(value: Any) -> float | None:
    """The number, or None where there is none; True and False are none."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def one_series(series: Any) -> MaskedTimeseries:
    """A series [variates, time].

    Raises:
        InputError: a batch of several.
    """
    one = series if isinstance(series, MaskedTimeseries) else MaskedTimeseries.from_array(series)
    if one.series.ndim == 3 and len(one.series) == 1:
        series, observed, ids, seconds, interval, num_exogenous = one
        one = MaskedTimeseries(series[0], observed[0], ids[0], seconds[0], interval[0], num_exogenous)
    if one.series.ndim != 2:
        raise InputError(
            f"series must be one series, [time] or [variates, time], got shape {tuple(one.series.shape)}: "
            "a detector learns one series; make one for each"
        )
    return one


def ascending_times(times: Any, num_steps: int) -> Any:
    """Stamps of the steps, one for each, or None.

    Raises:
        InputError: another number of them, or some that do not ascend.
    """
    if times is None:
        return None
    stamps = np.asarray(times)
    if stamps.shape != (num_steps,):
        raise InputError(f"times must hold a stamp for each of {num_steps} steps, got shape {stamps.shape}")
    backwards = np.flatnonzero(stamps[1:] <= stamps[:-1])
    if len(backwards):
        first = backwards[0]
        raise InputError(
            f"times must ascend, got {stamps[first + 1]} after {stamps[first]} at step {first + 1}: sort the "
            "steps, and keep one of each time"
        )
    return stamps
