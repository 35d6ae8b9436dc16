"""Rows as they come on a pipe: CSV with a header, or JSON lines."""

import csv
import json
import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from toto.data.table import MISSING_WORDS, TIME_NAMES
from toto.errors import InputError
from toto.streaming.clock import as_stamps

_SHOWN = 40  # characters of a cell in a message
_NO_SECONDS = (
    1e11  # numbers from here on are fractions of seconds: as seconds they would lie in the year 5138
)


class Row(NamedTuple):
    """One time and its values, by column; NaN where a value is missing. `text` is the time as it came.

    A time is a date, or a number of seconds. A line of JSON need not hold all columns.
    """

    time: Any
    text: str
    values: dict[str, float]


class LiveRows:
    """The rows in lines of text; what cannot be read is kept as a message in place of a row.

    The time column, unless named, is the one with a usual name, or else the first. A value that is no number
    is missing; there is a message for the first of each column.

    Args:
        lines: of text.
        time_column: its name, or None.
        columns: of values (None: all others).
        header: the names of the cells of CSV whose first line does not hold them, as of `tail -f`.
    """

    def __init__(
        self,
        lines: Iterable[str],
        time_column: str | None,
        columns: Collection[str] | None,
        header: list[str] | None = None,
    ) -> None:
        self.header = header
        self._lines = lines
        self._time_column = time_column
        self._columns = columns
        self._is_named = False  # it is known whether the first line of CSV is a header
        self._not_numbers: set[str] = set()  # columns with such a message

    def __iter__(self) -> Iterator[Row | str]:
        """Rows and messages.

        Raises:
            InputError: the first row lacks a column that was named, or CSV begins without a header.
        """
        is_first = True
        for number, line in enumerate(self._lines, 1):
            is_json = line.lstrip().startswith("{")
            if not line.strip() or not (is_json or self._is_row(line)):
                continue
            try:
                cells = json.loads(line) if is_json else self._cells(line)
                row, notes = self._row(cells)
            except ValueError as error:  # an InputError, no JSON, or a number beyond all limits
                yield f"line {number} is left out: {error}"
                continue
            if is_first:
                _check_columns(self._columns or (), cells)
            is_first = False
            yield from (f"line {number}: {note}" for note in notes)
            yield row

    def _is_row(self, line: str) -> bool:
        """Whether a line of CSV is no header: that is the first unless it holds values, or its names again.

        A collector that begins anew writes it again, perhaps in another order.

        Raises:
            InputError: there is no header.
        """
        is_named, self._is_named = self._is_named, True
        is_header = self.header is not None and sorted(_texts(line)) == sorted(self.header)
        if is_header or not (is_named or _are_values(line)):
            self.header = _texts(line)
            return False
        if self.header is None:
            raise InputError(
                f"rows of CSV must begin with a header that names their columns, got {_shown(line.strip())}: "
                "give it, as in (head -n 1 FILE; tail -f FILE), or a history that has one"
            )
        return True

    def _cells(self, line: str) -> dict[str, Any]:
        texts, names = _texts(line), self.header or []
        if len(texts) != len(names):
            raise InputError(f"{len(texts)} cells, but the header names {len(names)}")
        return dict(zip(names, texts, strict=True))

    def _row(self, cells: dict[str, Any]) -> tuple[Row, list[str]]:
        time_column = self._time_column or _time_column(cells)
        if time_column not in cells:
            raise InputError(f"no column {time_column!r}; there are {', '.join(cells)}")
        columns = self._columns or [name for name in cells if name != time_column]
        text = str(cells[time_column])
        row, notes = Row(_time(text), text, {}), []
        for name in columns:
            if name in cells:
                number = row.values[name] = _number(cells[name])
                if math.isnan(number) and not _is_missing(cells[name]) and name not in self._not_numbers:
                    self._not_numbers.add(name)
                    notes.append(
                        f"column {name}: {_shown(cells[name])} is not a number; such values are missing"
                    )
        return row, notes


def _check_columns(wanted: Iterable[str], there: Collection[str]) -> None:
    """Check that all columns are there.

    Raises:
        InputError: one is not.
    """
    absent = [name for name in wanted if name not in there]
    if absent:
        raise InputError(f"no column {absent[0]!r}; there are {', '.join(there)}")


def _time_column(cells: dict[str, Any]) -> str:
    by_name = {name.strip().lower(): name for name in reversed(list(cells))}
    return next((by_name[name] for name in TIME_NAMES if name in by_name), next(iter(cells), ""))


def _texts(line: str) -> list[str]:
    """The cells of a line of CSV; one that cannot be read is one cell."""
    try:
        return [text.strip() for text in next(csv.reader([line]))]
    except csv.Error:
        return [line]


def _are_values(line: str) -> bool:
    """Whether the cells of a line are numbers and a time, some perhaps missing, and name nothing."""
    texts = _texts(line)
    return not _is_missing(texts[0]) and all(map(_is_value, texts))


def _is_value(text: str) -> bool:
    try:
        return _is_missing(text) or _time(text) is not None
    except InputError:
        return False


def _time(text: str) -> Any:
    """A date, or seconds: milliseconds since 1970, and what is finer, are told by their size."""
    try:
        number = float(text)
    except ValueError:
        return as_stamps(text)[0]
    seconds = float(as_stamps(number)[0])
    while seconds >= _NO_SECONDS:
        seconds /= 1000
    return seconds


def _number(cell: Any) -> float:
    """The number in a cell; NaN where there is none."""
    try:
        return math.nan if _is_missing(cell) else float(cell)
    except (TypeError, ValueError, OverflowError):  # of 400 digits
        return math.nan


def _is_missing(cell: Any) -> bool:
    return cell is None or str(cell).strip().lower() in MISSING_WORDS


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
