"""Covariates of series that are arrays, as arrays beside them."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from toto.data.array_series import ArraySeries, finite_rows
from toto.data.regular_series import RegularSeries
from toto.errors import InputError

Rows = Float[np.ndarray, "_covariates _steps"]


def with_array_covariates(data: ArraySeries, past: Any, future: Any, horizon: int) -> list[RegularSeries]:
    """The series with covariates.

    Args:
        past: known in the steps of a series: [time] or [covariates, time], and for several series [batch,
            covariates, time] or a list with an array or None for each; None: there are none.
        future: known beyond them, in the same shapes from the first step of the series on: time + horizon
            steps or more. NaN is a missing value, but only in the history.
        horizon: steps that `future` must cover.

    Raises:
        InputError: another shape or length, or a step of the horizon without a value.
    """
    pasts, futures = _entries("past_covariates", past, data), _entries("future", future, data)
    found = []
    for place, (one, *beside) in enumerate(zip(data.series, pasts, futures, strict=True)):
        where = f", series {place}" if data.several else ""
        found.append(_beside(one, _past(one, beside[0], where), _known(one, beside[1], horizon, where)))
    return found


def _entries(name: str, values: Any, data: ArraySeries) -> list[Any]:
    """What is given for each series."""
    if values is None or not data.several:
        return [values] * len(data.series)
    num_series = len(data.series)
    listed = isinstance(values, (list, tuple))
    if not listed and np.ndim(values) != 3:
        raise InputError(
            f"{name} must be [batch, covariates, time], or a list of {num_series} arrays, one for each "
            f"series, got {_described(values)}"
        )
    if len(values) != num_series:
        raise InputError(f"{name} must be those of {num_series} series, got those of {len(values)}")
    return list(values)


def _past(one: RegularSeries, values: Any, where: str) -> Rows | None:
    if values is None:
        return None
    rows = finite_rows(f"past_covariates{where}", values)
    if rows.shape[1] != one.values.shape[1]:
        raise InputError(
            f"past_covariates{where}: must be known in the {one.values.shape[1]} steps of the series, got "
            f"{rows.shape[1]} steps; time is the last axis, and NaN where a value is missing"
        )
    return rows


def _known(one: RegularSeries, values: Any, horizon: int, where: str) -> Rows | None:
    """The covariates up to the first step beyond the horizon at which one of them is not known."""
    if values is None:
        return None
    rows, num_steps = finite_rows(f"future{where}", values), one.values.shape[1]
    if rows.shape[1] < num_steps + horizon:
        raise InputError(
            f"future{where}: must hold covariates from the first step of the series to the end of the "
            f"horizon, {num_steps} + {horizon} steps or more, got {rows.shape[1]}; put their history before "
            "what is to come, NaN where it is missing; time is the last axis"
        )
    unknown = np.isnan(rows[:, num_steps:])
    known_to = int(np.append(unknown.any(0), True).argmax())
    if known_to < horizon:
        raise InputError(
            f"future{where}: covariate {int(unknown[:, known_to].argmax())} must be known at every one of "
            f"the {horizon} steps after the series, got no number for step {known_to + 1} of them"
        )
    return rows[:, : num_steps + known_to]


def _beside(one: RegularSeries, past: Rows | None, known: Rows | None) -> RegularSeries:
    """A series with covariates, all in the most exact dtype of any."""
    dtype = np.result_type(*(some.dtype for some in (one.values, past, known) if some is not None))
    values, past, known = (None if some is None else some.astype(dtype) for some in (one.values, past, known))
    assert values is not None
    return replace(one, values=values, past=past, known=known)


def _described(values: Any) -> str:
    shape = getattr(values, "shape", None)
    return type(values).__name__ if shape is None else f"shape {tuple(shape)}"
