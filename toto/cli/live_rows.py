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


class Row(NamedTuple):
    """One time and its values, by column; NaN where a value is missing. `text` is the time as it came.

    A line of JSON need not hold all columns.
    """

    time: Any
    text: str
    values: dict[str, float]


class LiveRows:
    """The rows in lines of text; what cannot be read is kept as a message in place of a row.

    The time column, unless named, is the one with a usual name, or else the first. A value that is no number
    is missing; there is a message for the first of each column.
    """

    def __init__(
        self, lines: Iterable[str], time_column: str | None, columns: Collection[str] | None
    ) -> None:
        self._lines = lines
        self._time_column = time_column
        self._columns = columns
        self._not_numbers: set[str] = set()  # columns with such a message

    def __iter__(self) -> Iterator[Row | str]:
        """Rows and messages.

        Raises:
            InputError: the first row lacks a column that was named.
        """
        header: list[str] | None = None
        is_first = True
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            try:
                if line.lstrip().startswith("{"):
                    cells = json.loads(line)
                else:
                    texts = [text.strip() for text in next(csv.reader([line]))]
                    header = header or texts
                    if texts == header:  # a collector that begins anew writes it again
                        continue
                    if len(texts) != len(header):
                        raise InputError(f"{len(texts)} cells, but the header names {len(header)}")
                    cells = dict(zip(header, texts, strict=True))
                row, notes = self._row(cells)
            except (ValueError, csv.Error) as error:  # an InputError, no JSON, or a number beyond all limits
                yield f"line {number} is left out: {error}"
                continue
            if is_first:
                _check_columns(self._columns or (), cells)
            is_first = False
            yield from (f"line {number}: {note}" for note in notes)
            yield row

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


def _time(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return as_stamps(text)[0]
    return float(as_stamps(number)[0])


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
