"""Dates written as text, with pandas."""

import logging
import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from toto.data.table import import_pandas

log = logging.getLogger(__name__)

_TWO_NUMBERS = re.compile(r"\s*(\d{1,2})[-/. ](\d{1,2})\D")
_SEVERAL_OFFSETS = (
    "time stamps with different offsets from UTC are converted to UTC: offsets do not tell the time zone; "
    "to keep its clock, give stamps in it (in pandas .dt.tz_convert('Europe/Berlin'))"
)


class AmbiguousDateError(ValueError):
    """Every date can be read with the day before the month, and with the month before the day."""


class Dates(NamedTuple):
    """Texts as datetimes.

    stamps: a pandas series. unread: True where a text is none.
    day_first: what tells day and month apart; None: nothing has to.
    """

    stamps: Any
    unread: Bool[np.ndarray, " rows"]
    day_first: bool | None = None


def parse_dates(texts: Sequence[str], day_first: bool | None) -> Dates:
    """The texts as datetimes, in the way that gets furthest.

    Offsets from UTC are kept if all texts have the same one. Several do not tell a time zone, so that moments
    to come have none: then all are converted to UTC.

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
    attempts: list[Dates] = []
    orders = [False, True] if day_first is None else [day_first]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the order of day and month, which is decided here
        for way in ({}, {"utc": True}):
            dates = _attempt(pd, column, format="ISO8601", **way)
            if dates is not None:
                attempts.append(dates)
                if not dates.unread.any():
                    if way:
                        log.warning(_SEVERAL_OFFSETS)
                    return dates
        read = [_attempt(pd, column, dayfirst=order) for order in orders]
    complete = [dates for dates in read if dates is not None and not dates.unread.any()]
    if len(complete) == 2:
        complete = _unswapped(texts, *complete)
    if len(complete) == 2 and not complete[0].stamps.equals(complete[1].stamps):
        raise AmbiguousDateError
    if complete:
        told = _day_first(texts, complete[0].stamps) if day_first is None else day_first
        return complete[0]._replace(day_first=told)
    attempts += [dates for dates in read if dates is not None]
    return max(attempts, key=lambda dates: int(dates.unread.argmax()))


def _unswapped(texts: Sequence[str], month_first: Dates, day_first: Dates) -> list[Dates]:
    """The readings in which day and month are where they were asked for, or both.

    Where a text does not fit, as 04/30/21 with the day first, pandas reads that one in the other order.
    """
    readings = ((False, month_first), (True, day_first))
    fit = [dates for order, dates in readings if _day_first(texts, dates.stamps) in (None, order)]
    return fit or [month_first, day_first]


def _day_first(texts: Sequence[str], stamps: Any) -> bool | None:
    """What the first day above 12 tells; pandas reads 31/01/2026 whichever order it is asked for."""
    for text, day in zip(texts, stamps.dt.day, strict=True):
        numbers = _TWO_NUMBERS.match(text)
        if day > 12 and numbers:
            return int(numbers[1]) == day
    return None


def _attempt(pd: Any, texts: Any, **way: Any) -> Dates | None:
    """The datetimes read in one way; None if this way makes no datetimes."""
    try:
        stamps = pd.to_datetime(texts, errors="coerce", **way)
    except ValueError:  # several offsets from UTC in one column
        return None
    return Dates(stamps, stamps.isna().to_numpy()) if stamps.dtype.kind == "M" else None
