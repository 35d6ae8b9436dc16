"""Dates written as text, with pandas."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from toto.data.table import import_pandas

log = logging.getLogger(__name__)


class AmbiguousDateError(ValueError):
    """Every date can be read with the day before the month, and with the month before the day."""


def parse_dates(texts: Sequence[str], day_first: bool | None) -> tuple[Any, Bool[np.ndarray, " rows"]]:
    """The texts as a pandas series of datetimes, in the way that gets furthest, and True where it reads none.

    Offsets from UTC are kept if all texts have the same one; otherwise they are converted to UTC.

    Args:
        texts: all in one way of writing; ISO 8601 in any precision.
        day_first: what 01/02/2026 is: True the 1st of February, False the 2nd of January; None: what some
            text with a day above 12 tells.

    Raises:
        AmbiguousDateError: no text tells.
        MissingExtraError: pandas is not installed.
    """
    pd = import_pandas("reading dates written as text")
    column = pd.Series(list(texts), dtype=object)
    attempts: list[tuple[Any, Any]] = []
    orders = [False, True] if day_first is None else [day_first]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the order of day and month, which is decided here
        for way in ({}, {"utc": True}):
            stamps = _attempt(pd, column, format="ISO8601", **way)
            if stamps is not None:
                attempts.append(stamps)
                if not stamps[1].any():
                    if way:
                        log.warning("time stamps with different offsets from UTC are converted to UTC")
                    return stamps
        read = [_attempt(pd, column, dayfirst=order) for order in orders]
    complete = [attempt for attempt in read if attempt is not None and not attempt[1].any()]
    if len(complete) == 2 and not complete[0][0].equals(complete[1][0]):
        raise AmbiguousDateError
    attempts = complete or [*attempts, *(attempt for attempt in read if attempt is not None)]
    return max(attempts, key=lambda attempt: int(attempt[1].argmax()))


def _attempt(pd: Any, texts: Any, **way: Any) -> tuple[Any, Bool[np.ndarray, " rows"]] | None:
    """The datetimes read in one way, and True where there are none; None if this way makes no datetimes."""
    try:
        stamps = pd.to_datetime(texts, errors="coerce", **way)
    except ValueError:  # several offsets from UTC in one column
        return None
    return (stamps, stamps.isna().to_numpy()) if stamps.dtype.kind == "M" else None
