"""Rows as they come on a pipe: CSV with a header, or JSON lines."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from toto.data.table import MISSING_WORDS, TIME_NAMES
from toto.errors import InputError
from toto.streaming.clock import as_stamps


class Row(NamedTuple):
    """One time and its values, by column; NaN where a value is missing. `text` is the time as it came."""

    time: Any
    text: str
    values: dict[str, float]


class LiveRows:
    """The rows in lines of text; what cannot be read is kept as a message in place of a row.

    The time column, unless named, is the one with a usual name, or else the first.
    """

    def __init__(self, lines: Iterable[str], time_column: str | None, columns: Sequence[str] | None) -> None:
        self._lines = lines
        self._time_column = time_column
        self._columns = columns

    def __iter__(self) -> Iterator[Row | str]:
        header: list[str] | None = None
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
                yield self._row(cells)
            except (InputError, json.JSONDecodeError, csv.Error) as error:
                yield f"line {number} is left out: {error}"

    def _row(self, cells: dict[str, Any]) -> Row:
        time_column = self._time_column or _time_column(cells)
        if time_column not in cells:
            raise InputError(f"no column {time_column!r}; there are {', '.join(cells)}")
        columns = self._columns or [name for name in cells if name != time_column]
        text = str(cells[time_column])
        return Row(_time(text), text, {name: _number(name, cells.get(name)) for name in columns})


def _time_column(cells: dict[str, Any]) -> str:
    by_name = {name.strip().lower(): name for name in reversed(list(cells))}
    return next((by_name[name] for name in TIME_NAMES if name in by_name), next(iter(cells), ""))


def _time(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return as_stamps(text)[0]


def _number(column: str, cell: Any) -> float:
    if cell is None or str(cell).strip().lower() in MISSING_WORDS:
        return math.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise InputError(f"column {column}: {cell!r} is not a number") from None
