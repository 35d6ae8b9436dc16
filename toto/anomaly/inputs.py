"""Checks of what detectors are given."""

from math import isnan
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError


def real_number(value: Any) -> float | None:
    """The number, or None where there is none; True and False are none."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def real_numbers(name: str, values: Any) -> tuple[float, ...]:
    """Several of them.

    Raises:
        InputError: one that is NaN, or no number.
    """
    numbers = [real_number(value) for value in values]
    if any(number is None or isnan(number) for number in numbers):
        raise InputError(f"{name} must be numbers, got {values!r}")
    return tuple(number for number in numbers if number is not None)


def open_coverage(coverage: Any) -> float:
    """The probability with which an interval of finite ends holds a value.

    Raises:
        InputError: no number above 0 and below 1.
    """
    number = real_number(coverage)
    if number is None or not 0 < number < 1:
        raise InputError(f"coverage must be a probability between 0 and 1, got {coverage!r}")
    return number


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
        InputError: another number of them, some that are missing, or that do not ascend.
    """
    if times is None:
        return None
    try:
        stamps = np.asarray(times)
        missing = np.flatnonzero(_is_missing(stamps))
    except (TypeError, ValueError) as error:
        raise InputError(f"times must be dates or numbers, got {times!r}: {error}") from error
    if stamps.shape != (num_steps,):
        raise InputError(f"times must hold a stamp for each of {num_steps} steps, got shape {stamps.shape}")
    if len(missing):
        raise InputError(
            f"times must be known of all steps, got {stamps[missing[0]]} at step {missing[0]}: give it, or "
            "leave the step out"
        )
    try:
        backwards = np.flatnonzero(~(stamps[1:] > stamps[:-1]))
    except TypeError as error:
        raise InputError(f"times must be of one kind, to be put in order: {error}") from error
    if len(backwards):
        first = backwards[0]
        raise InputError(
            f"times must ascend, got {stamps[first + 1]} after {stamps[first]} at step {first + 1}: sort the "
            "steps, and keep one of each time"
        )
    return stamps


def _is_missing(stamps: Shaped[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """True for None, and for NaN and NaT, which are not equal to themselves."""
    is_none = np.equal(stamps, np.array(None)) if stamps.dtype == object else np.zeros(stamps.shape, bool)
    return np.asarray(is_none | np.not_equal(stamps, stamps), bool)
