"""The cells of a data frame: numbers, time stamps, and the place of each in messages; loads pandas."""

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from toto.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

TIME_NAMES = ("ds", "time", "timestamp", "timestamps", "datetime", "date_time", "date", "", "unnamed: 0")
MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "none")
_STARTS_LIKE_A_DATE = re.compile(  # with a year of four digits; no number looks so
    r"\s*(\d{4}[-/]\d{1,2}(?!\d)|\d{4}\.\d{1,2}\.\d|\d{1,2}([-/.])\d{1,2}\2\d{4}(?!\d)|\d{8}T)"
)


def import_pandas() -> Any:
    """The pandas module, or `MissingExtraError`."""
    try:
        return import_module("pandas")
    except ImportError:
        raise MissingExtraError("pandas", "pandas", "reading data frames") from None


@dataclass(frozen=True)
class Table:
    """A data frame, and what it and its rows are called in messages.

    `name` stands for the whole frame (a file name); `line_of_row` maps a row number, from 0, to
    the line of the file that it was read from.
    """

    frame: "pd.DataFrame"
    name: str = "data frame"
    line_of_row: Callable[[int], int] | None = None

    def place(self, row: int, column: str) -> str:
        """`data.csv, line 7, column cpu`, or `data frame, row 5, column cpu`."""
        where = f"row {row}" if self.line_of_row is None else f"line {self.line_of_row(row)}"
        return f"{self.name}, {where}, column {column}"

    def columns(self) -> str:
        """The names of all columns, for messages."""
        return ", ".join(str(column) for column in self.frame.columns)

    def check_column(self, column: str) -> None:
        """`InputError` if there is no such column."""
        if column not in self.frame.columns:
            raise InputError(f"{self.name}: no column {column!r}; there are {self.columns()}")


def find_time_column(table: Table, named: str | None) -> str | None:
    """The named column; else one with a usual name, or whose first cell is a date; else None."""
    if named is not None:
        table.check_column(named)
        return named
    by_name = {str(column).strip().lower(): column for column in reversed(table.frame.columns)}
    for name in TIME_NAMES:
        if name in by_name:
            return by_name[name]
    for column in table.frame.columns:
        if _STARTS_LIKE_A_DATE.match(str(table.frame[column].iloc[0])):
            return column
    return None


def _is_missing(cells: Any) -> Bool[np.ndarray, " rows"]:
    missing = cells.isna().to_numpy()
    if cells.dtype.kind not in "biufcmM":
        missing = missing | cells.astype(str).str.strip().str.lower().isin(MISSING_WORDS).to_numpy(dtype=bool)
    return missing


def read_values(table: Table, columns: Sequence[str]) -> Float[np.ndarray, "variates rows"]:
    """The columns as numbers, NaN where a cell is empty; `InputError` for the first text among them."""
    return np.stack([_read_numbers(table, column) for column in columns])


def _read_numbers(table: Table, column: str) -> Float[np.ndarray, " rows"]:
    """The column as numbers; empty cells, words for missing and infinite values are NaN."""
    cells = table.frame[column]
    if cells.dtype.kind in "mM":
        values = np.full(len(cells), np.nan)
    else:
        numbers = import_pandas().to_numeric(cells, errors="coerce")
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(values) & ~_is_missing(cells)
    if text.any():
        row = int(text.argmax())
        raise InputError(
            f"{table.place(row, column)}: {str(cells.iloc[row])!r} is not a number; leave the cell empty "
            "if the value is missing, choose the number columns with columns (--columns a,b), or name the "
            "column that tells series apart with id_column (--id-column)"
        )
    infinite = np.isinf(values)
    if infinite.any():
        log.warning("%s, column %s: %d infinite values are missing ones", table.name, column, infinite.sum())
    return np.where(infinite, np.nan, values)


def read_stamps(table: Table, column: str) -> Any:
    """The column as a pandas index of time stamps, or of numbers if it holds numbers."""
    pd = import_pandas()
    cells = table.frame[column]
    missing = _is_missing(cells)
    if missing.any():
        raise InputError(f"{table.place(int(missing.argmax()), column)}: no time stamp")
    if cells.dtype.kind == "M":
        return pd.DatetimeIndex(cells)
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().all():
        stamps, unread = _numbers_as_dates(numbers), np.isinf(numbers.to_numpy(dtype=np.float64))
    else:
        stamps, unread = _parse_dates(cells.map(str))
    if unread.any():
        row = int(unread.argmax())
        raise InputError(
            f"{table.place(row, column)}: {str(cells.iloc[row])!r} is not a time stamp, or not one like "
            "those before it; write 2026-01-31 13:45:00, or name another time_column (--time-column)"
        )
    return stamps


def _numbers_as_dates(numbers: Any) -> Any:
    """20260131 is the 31st of January if every number can be read so; else numbers stay numbers."""
    pd = import_pandas()
    if numbers.between(1900_01_01, 2200_12_31).all() and (numbers % 1 == 0).all():
        dates = pd.to_datetime(numbers.astype("int64").astype(str), format="%Y%m%d", errors="coerce")
        if dates.notna().all():
            return pd.DatetimeIndex(dates)
    return pd.Index(numbers)


def _parse_dates(texts: Any) -> tuple[Any, Bool[np.ndarray, " rows"]]:
    """The texts as datetimes in the way that gets furthest, and True where it reads none."""
    pd = import_pandas()
    attempts = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the order of day and month, which is decided here
        for way in ({"format": "ISO8601"}, {"format": "ISO8601", "utc": True}, {}, {"dayfirst": True}):
            try:
                stamps = pd.to_datetime(texts, errors="coerce", **way)
            except ValueError:  # several offsets from UTC in one column
                continue
            unread = stamps.isna().to_numpy()
            if stamps.dtype.kind == "M" and not unread.any():
                if "utc" in way:
                    log.warning("time stamps with different offsets from UTC are converted to UTC")
                return pd.DatetimeIndex(stamps), unread
            attempts.append((stamps, unread))
    return max(attempts, key=lambda attempt: attempt[1].argmax())
