"""Several values of one step made one."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from toto.errors import InputError

Values = Float[np.ndarray, "columns rows"]
Starts = Int[np.ndarray, " steps"]


def check_aggregate(aggregate: str | None) -> None:
    """`InputError` unless it is None or the name of a way to aggregate."""
    if aggregate is not None and aggregate not in AGGREGATES:
        raise InputError(f"aggregate must be one of {', '.join(AGGREGATES)}, got {aggregate!r}")


def aggregated(values: Values, starts: Starts, aggregate: str) -> Float[np.ndarray, "columns steps"]:
    """One value for the rows from each of `starts` to the next; missing ones do not count."""
    return AGGREGATES[aggregate](values, starts)


def _sum(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    total = np.add.reduceat(np.where(np.isnan(values), 0.0, values), starts, axis=1)
    return np.where(_counts(values, starts) > 0, total, np.nan)


def _mean(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    return _sum(values, starts) / np.maximum(_counts(values, starts), 1)


def _counts(values: Values, starts: Starts) -> Int[np.ndarray, "columns steps"]:
    return np.add.reduceat((~np.isnan(values)).astype(np.int64), starts, axis=1)


def _least(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    return np.fmin.reduceat(values, starts, axis=1)


def _largest(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    return np.fmax.reduceat(values, starts, axis=1)


def _first(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    rows = np.arange(values.shape[1])
    place = np.minimum.reduceat(np.where(np.isnan(values), len(rows) - 1, rows), starts, axis=1)
    ends = np.append(starts[1:], len(rows)) - 1
    return np.take_along_axis(values, np.minimum(place, ends), axis=1)


def _last(values: Values, starts: Starts) -> Float[np.ndarray, "columns steps"]:
    place = np.maximum.reduceat(np.where(np.isnan(values), 0, np.arange(values.shape[1])), starts, axis=1)
    return np.take_along_axis(values, np.maximum(place, starts), axis=1)


AGGREGATES: dict[str, Callable[[Values, Starts], Values]] = {
    "mean": _mean,
    "sum": _sum,
    "min": _least,
    "max": _largest,
    "first": _first,
    "last": _last,
}
