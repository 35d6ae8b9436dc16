"""A column of time stamps: datetimes of any precision and zone, or numbers in a unit of their own."""

import re
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from jaxtyping import Int, Shaped

from toto.data.dates import AmbiguousDateError, parse_dates
from toto.data.table import Table, holds_text, is_missing, number_in
from toto.errors import InputError

_TIME_OF_DAY = re.compile(r"\s*\d{1,2}(:\d{2}){1,2}([.,]\d+)?(\s*[ap]\.?m\.?)?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Stamps:
    """The time stamps of rows, datetimes to 1 us.

    clock: as the clock of their time zone shows them, or as they are where there is none.
    utc: the same moments in UTC; without a time zone as they are.
    time_zone: its name, or None.
    dtype: the type of the column in its frame.
    day_first: how dates such as 01/02/2026 were read; None: it does not matter.
    """

    clock: Shaped[np.ndarray, " rows"]
    utc: Shaped[np.ndarray, " rows"]
    time_zone: str | None
    dtype: Any
    day_first: bool | None = None


def read_stamps(
    table: Table, column: str, day_first: bool | None = None, like: Stamps | None = None
) -> Stamps:
    """The column as time stamps.

    Numbers stay numbers, unless all of them can be dates like 20260131, or months like 202601 of several
    years.

    Args:
        day_first: how dates such as 01/02/2026 are meant; see `parse_dates`. None: as those of `like`.
        like: stamps that these go on from; where they are dates, months may be of one year, and where they
            are numbers, these are too.

    Raises:
        InputError: an empty cell, or one that is no time stamp; times of day without a date; dates that can
            be read in two ways.
        MissingExtraError: dates written as text, but no pandas.
    """
    day_first = like.day_first if day_first is None and like is not None else day_first
    cells = table.cells[column]
    missing = is_missing(cells)
    if missing.any():
        raise InputError(f"{table.place(int(missing.argmax()), column)}: no time stamp")
    if cells.dtype.is_numeric():
        return _from_numbers(table, column, cells.to_numpy(), like)
    if isinstance(_date_type(cells), (nw.Datetime, nw.Date)):
        return _from_dates(cells)
    assert holds_text(cells) or cells.dtype.is_temporal() or cells.dtype == nw.Boolean
    texts = [str(cell) for cell in cells.to_list()]
    numbers = np.array([number_in(text) for text in texts])
    if np.isnan(numbers).any():
        return _from_texts(table, column, texts, day_first)
    whole = all(text.strip().lstrip("+-").isdigit() for text in texts)
    return _from_numbers(table, column, np.array([int(text) for text in texts]) if whole else numbers, like)


def _date_type(cells: "nw.Series[Any]") -> Any:
    """The type of a column; in pandas narwhals does not know that of zones like America/New_York."""
    native: Any = getattr(cells.to_native(), "dtype", None)
    if cells.dtype == nw.Unknown and getattr(native, "tz", None) is not None:
        return nw.Datetime(native.unit, str(native.tz))
    return cells.dtype


def _from_dates(cells: "nw.Series[Any]") -> Stamps:
    dtype = _date_type(cells)
    zone = getattr(dtype, "time_zone", None)
    if zone is None:
        clock = utc = cells.to_numpy()
    else:
        clock = cells.dt.replace_time_zone(None).to_numpy()
        utc = cells.cast(nw.Datetime(dtype.time_unit, "UTC")).dt.replace_time_zone(None).to_numpy()
    return Stamps(clock.astype("M8[us]"), utc.astype("M8[us]"), zone, dtype)


def _from_texts(table: Table, column: str, texts: list[str], day_first: bool | None) -> Stamps:
    for row, text in enumerate(texts):
        if _TIME_OF_DAY.fullmatch(text):
            raise InputError(
                f"{table.place(row, column)}: {text!r} is a time of day without a date; write "
                "2026-01-31 13:45:00, or name another time_column (--time-column)"
            )
    try:
        dates, unread, day_first = parse_dates(texts, day_first)
    except AmbiguousDateError:
        raise InputError(
            f"{table.place(0, column)}: {texts[0]!r} and all others can be read with the day first or with "
            "the month first; say which: day_first=True (--day-first) or day_first=False (--month-first)"
        ) from None
    if unread.any():
        raise _unreadable(table, column, int(unread.argmax()))
    return replace(_from_dates(nw.from_native(dates, series_only=True)), day_first=day_first)


def _from_numbers(
    table: Table, column: str, numbers: Shaped[np.ndarray, " rows"], like: Stamps | None
) -> Stamps:
    """20260131 is a day and 202601 a month if every number can be read so; else numbers stay numbers."""
    infinite = ~np.isfinite(numbers)
    if infinite.any():
        raise _unreadable(table, column, int(infinite.argmax()))
    if like is not None and like.utc.dtype.kind != "M":
        return Stamps(numbers, numbers, None, table.cells[column].dtype)
    whole = numbers.astype(np.int64)
    days = whole * 100 + 1 if _are_months(whole, like) else whole
    if (whole == numbers).all() and ((days >= 1900_01_01) & (days <= 2200_12_31)).all():
        dates, valid = _dates_of_digits(days)
        if valid:
            return Stamps(dates, dates, None, nw.Datetime("us"))
    return Stamps(numbers, numbers, None, table.cells[column].dtype)


def _are_months(numbers: Int[np.ndarray, " rows"], like: Stamps | None) -> bool:
    """Whether six digits may be months: no counter goes from 202512 to 202601, but one has 202511, 202512."""
    go_on = like is not None and like.utc.dtype.kind == "M"
    years = numbers // 100
    return bool(((years >= 1900) & (years <= 2200)).all() and (go_on or (years != years[0]).any()))


def _dates_of_digits(numbers: Int[np.ndarray, " rows"]) -> tuple[Shaped[np.ndarray, " rows"], bool]:
    """20260131 as the 31st of January 2026, and whether all numbers are such."""
    months = (numbers // 100 % 100 - 1) + 12 * (numbers // 10_000 - 1970)
    first = months.astype("M8[M]")
    days = first.astype("M8[D]") + (numbers % 100 - 1)
    valid = (numbers // 100 % 100 >= 1) & (numbers // 100 % 100 <= 12) & (days.astype("M8[M]") == first)
    return days.astype("M8[us]"), bool(valid.all())


def _unreadable(table: Table, column: str, row: int) -> InputError:
    return InputError(
        f"{table.place(row, column)}: {table.text(row, column)!r} is not a time stamp, or not one like "
        "those before it; write 2026-01-31 13:45:00, or name another time_column (--time-column)"
    )
