"""A data frame of any kind (pandas, polars, pyarrow), its numbers, and the place of each cell in messages."""

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from jaxtyping import Bool, Float, Int

from toto.data.eager_frame import HANDS_OVER, eager_frame
from toto.errors import InputError, MissingExtraError

log = logging.getLogger(__name__)

TIME_NAMES = ("ds", "time", "timestamp", "timestamps", "datetime", "date_time", "date")
MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "none")
_NO_NAME = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")  # of an index in a file, to whoever reads it
_STARTS_LIKE_A_DATE = re.compile(  # with a year of four digits; no number looks so
    r"\s*(\d{4}[-/]\d{1,2}(?!\d)|\d{4}\.\d{1,2}\.\d|\d{1,2}([-/.])\d{1,2}\2\d{4}(?!\d)|\d{8}T)"
)


def import_pandas(purpose: str = "reading data frames") -> Any:
    """The pandas module, or `MissingExtraError`."""
    try:
        return import_module("pandas")
    except ImportError:
        raise MissingExtraError("pandas", "pandas", purpose) from None


def is_frame(data: Any) -> bool:
    """Whether `data` is a data frame, a column of one, or hands itself over as one (a batch of pyarrow)."""
    try:
        known = isinstance(nw.from_native(data, pass_through=True, allow_series=True), _FRAMES)
    except ValueError:  # two columns of one name, of which `Table.cells` speaks
        return True
    return known or hasattr(data, HANDS_OVER)


_FRAMES = (nw.DataFrame, nw.LazyFrame, nw.Series)


def is_table(data: Any) -> bool:
    """Whether data come as a frame or a `Table`, not as arrays."""
    return isinstance(data, Table) or is_frame(data)


@dataclass(frozen=True)
class Table:
    """A data frame, and what it and its rows are called in messages.

    `frame` is of any kind that narwhals knows, or a column of one. `name` stands for the whole frame (a file
    name); `line_of_row` maps a row number, from 0, to the line of the file that it was read from. `unread`
    says what is wrong with rows, by their numbers, that are no error unless they are used.
    """

    frame: Any
    name: str = "data frame"
    line_of_row: Callable[[int], int] | None = None
    unread: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, name: str = "data frame") -> "Table":
        """A frame under a name; a `Table` as it is."""
        return data if isinstance(data, Table) else cls(data, name)

    @cached_property
    def cells(self) -> nw.DataFrame[Any]:
        """The frame behind one interface for all kinds; see `eager_frame`."""
        return eager_frame(self.frame, self.name)

    def place(self, row: int, column: str) -> str:
        """`data.csv, line 7, column cpu`, or `data frame, row 5, column cpu`."""
        where = f"row {row}" if self.line_of_row is None else f"line {self.line_of_row(row)}"
        return f"{self.name}, {where}, column {column}"

    def text(self, row: int, column: str) -> str:
        """A cell as text."""
        return str(self.cells[column][row : row + 1].to_list()[0])

    def columns(self) -> str:
        """The names of all columns, for messages; in quotes where blanks around one would not show."""
        return ", ".join(name if name == name.strip() else repr(name) for name in self.cells.columns)

    def with_indicators(self, column: str, words: Mapping[str, str]) -> "Table":
        """The frame with columns of 0 and 1 beside one of text.

        Args:
            words: from the name of a column to the word that is 1 in it; an empty cell is empty in all.
        """
        texts = self.words(column)
        columns = [
            nw.new_series(
                name,
                [None if text is None else float(text == word) for text in texts],
                nw.Float64,
                backend=self.cells.implementation,
            )
            for name, word in words.items()
        ]
        frame = self.cells.with_columns(*columns)
        return replace(self, frame=nw.to_native(frame))

    def without(self, columns: Sequence[str]) -> "Table":
        """The frame without these columns, as far as it has them."""
        return replace(self, frame=nw.to_native(self.cells.drop(columns, strict=False)))

    def words(self, column: str) -> list[str | None]:
        """The cells of a column as text, None where one is empty."""
        cells = self.cells[column]
        missing = is_missing(cells)
        return [None if empty else str(cell) for cell, empty in zip(cells.to_list(), missing, strict=True)]

    def check_column(self, column: str) -> None:
        """`InputError` if there is no such column."""
        if column not in self.cells.columns:
            raise InputError(f"{self.name}: no column {column!r}; there are {self.columns()}")


def find_time_column(table: Table, named: str | None) -> str | None:
    """The named column; else one with a usual name, that begins with a date, or without a name; or None."""
    if named is not None:
        table.check_column(named)
        return named
    columns = table.cells.columns
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    for name in TIME_NAMES:
        if name in by_name:
            return by_name[name]
    dates = (column for column in columns if _STARTS_LIKE_A_DATE.match(table.text(0, column)))
    return next(dates, None) or next((column for column in columns if _NO_NAME.fullmatch(column)), None)


def without_row_numbers(table: Table, columns: Sequence[str]) -> list[str]:
    """The columns without the index that pandas wrote to a file: one without a name that numbers rows."""
    indices = [name for name in columns if _NO_NAME.fullmatch(name) and _numbers_rows(table, name)]
    left = [name for name in columns if name not in indices]
    if not (indices and left):
        return list(columns)
    log.warning("%s, column %r: has no name, numbers rows, and is left out", table.name, indices[0])
    return left


def _numbers_rows(table: Table, column: str) -> bool:
    """Whether there are whole numbers in all cells, and none twice."""
    numbers = read_numbers(table, [column]).values[0]
    return bool((numbers == np.round(numbers)).all()) and len(np.unique(numbers)) == len(numbers)


def is_missing(cells: "nw.Series[Any]") -> Bool[np.ndarray, " rows"]:
    """True for empty cells, and for words that stand for them."""
    missing = cells.is_null().to_numpy()
    if holds_text(cells):
        missing = missing | np.array([_is_missing_word(cell) for cell in cells.to_list()], bool)
    return missing


def holds_text(cells: "nw.Series[Any]") -> bool:
    """Whether cells may be text: neither numbers nor dates by their type."""
    return not (cells.dtype.is_numeric() or cells.dtype == nw.Boolean or cells.dtype.is_temporal())


def _is_missing_word(cell: Any) -> bool:
    return str(cell).strip().lower() in MISSING_WORDS


class Numbers(NamedTuple):
    """Columns as numbers, NaN where a cell is empty; `unread` is True where it holds text."""

    values: Float[np.ndarray, "variates rows"]
    unread: Bool[np.ndarray, "variates rows"]


def read_values(
    table: Table, columns: Sequence[str], covariates: Sequence[str] = ()
) -> Float[np.ndarray, "variates rows"]:
    """The columns as numbers, NaN where a cell is empty; `InputError` for the first text among them."""
    numbers = read_numbers(table, columns)
    check_read(table, columns, numbers.unread, np.arange(len(table.cells)), covariates)
    return numbers.values


def read_numbers(table: Table, columns: Sequence[str]) -> Numbers:
    """The columns as numbers; empty cells, words for missing and infinite values are NaN, and so is text."""
    if not columns:
        return Numbers(np.empty((0, len(table.cells))), np.empty((0, len(table.cells)), bool))
    values, unread = zip(*(_numbers(table, column) for column in columns), strict=True)
    return Numbers(np.stack(values), np.stack(unread))


def check_read(
    table: Table,
    columns: Sequence[str],
    unread: Bool[np.ndarray, "variates rows"],
    rows: Int[np.ndarray, " used"],
    covariates: Sequence[str] = (),
) -> None:
    """`InputError` for the first of these rows that holds text in one of the columns, or is in `unread`.

    Args:
        covariates: those of the columns for which another way out is told.
    """
    for column, of_column in zip(columns, unread[:, rows], strict=True):
        if of_column.any():
            raise _no_number(table, column, int(rows[of_column.argmax()]), column in covariates)
    told = next((table.unread[row] for row in rows.tolist() if row in table.unread), None)
    if told is not None:
        raise InputError(told)


def _numbers(table: Table, column: str) -> tuple[Float[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    cells = table.cells[column]
    if holds_text(cells):
        values = np.array([number_in(cell) for cell in cells.to_list()], float)
    elif cells.dtype.is_temporal():
        values = np.full(len(cells), np.nan)
    else:
        values = cells.cast(nw.Float64).to_numpy().astype(float)
    numeric = cells.dtype.is_numeric()
    unread = np.zeros(len(cells), bool) if numeric else np.isnan(values) & ~is_missing(cells)
    infinite = np.isinf(values)
    if infinite.any():
        log.warning("%s, column %s: %d infinite values are missing ones", table.name, column, infinite.sum())
    return np.where(infinite, np.nan, values), unread


def _no_number(table: Table, column: str, row: int, is_covariate: bool) -> InputError:
    text = table.text(row, column)
    if re.fullmatch(r"\s*-?\d+,\d+\s*", text):
        return InputError(f"{table.place(row, column)}: {text!r} is not a number; write it with a point")
    if is_covariate:
        return InputError(
            f"{table.place(row, column)}: {text!r} is not a number; leave the cell empty if the value is "
            "missing, and of a covariate of words make a column of 0 and 1 for each word "
            "(pandas.get_dummies), or leave it out; only fine-tuning does so itself"
        )
    numbers = [name for name in table.cells.columns if not math.isnan(number_in(table.text(0, name)))]
    chosen = ",".join(numbers[:8]) + ",..." * (len(numbers) > 8)
    choose = f"choose the columns of numbers with columns (--columns '{chosen}'), " if numbers else ""
    timeless = find_time_column(table, None) is None
    name_time = "name the column of time stamps with time_column (--time-column), " if timeless else ""
    return InputError(
        f"{table.place(row, column)}: {text!r} is not a number; leave the cell empty if the value is "
        f"missing, {choose}{name_time}or name the column that tells series apart with id_column (--id-column)"
    )


def number_in(cell: Any) -> float:
    """The number that a cell holds or spells; NaN if it is none."""
    try:
        return math.nan if isinstance(cell, str) and "_" in cell else float(cell)
    except (TypeError, ValueError):
        return math.nan


def categories_of(table: Table, column: str) -> tuple[str, ...] | None:
    """The different words of a column in the order of the alphabet; None: its cells are numbers."""
    cells = table.cells[column]
    if not holds_text(cells):
        return None
    words = sorted({word for word in table.words(column) if word is not None})
    declared = isinstance(cells.dtype, (nw.Categorical, nw.Enum))
    return tuple(words) if declared or any(math.isnan(number_in(word)) for word in words) else None


def unknown_words(table: Table, column: str, words: Sequence[str]) -> dict[int, str]:
    """What is wrong with the rows that hold a word that is none of these, by their numbers."""
    known = {None, *words}
    return {
        row: f"{table.place(row, column)}: {word!r} is not among the words that the model was trained with: "
        f"{', '.join(words)}"
        for row, word in enumerate(table.words(column))
        if word not in known
    }


def rows_by_value(table: Table, column: str) -> dict[Any, Int[np.ndarray, " _"]]:
    """The rows in which each value of a column stands, in the order in which the values first appear.

    Raises:
        InputError: an empty cell.
    """
    cells = table.cells[column]
    missing = is_missing(cells)
    if missing.any():
        raise InputError(f"{table.place(int(missing.argmax()), column)}: no series id")
    places: dict[Any, int] = {}
    codes = np.array([places.setdefault(cell, len(places)) for cell in cells.to_list()])
    rows = np.argsort(codes, kind="stable")
    return dict(zip(places, np.split(rows, np.cumsum(np.bincount(codes))[:-1]), strict=True))
