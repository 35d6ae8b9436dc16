"""Local files of benchmark data: plain or gzip, CSV and TSF, as arrays."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import Float

from toto.errors import InputError
from toto.evaluation.task import Series

_MISSING = ("", "na", "nan", "null", "?")


def find_file(folder: Path, name: str) -> Path:
    """The file, or the same with `.gz` behind it.

    Raises:
        InputError: neither is there.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"there is no file {folder / name} (or {Path(name).name}.gz): check the data folder")


def read_wide(path: Path) -> tuple[list[str], Series]:
    """The names and values of all columns but the first, which holds the time; empty cells are missing.

    Raises:
        InputError: a cell that is no number, or a line of another number of cells than the header.
    """
    with _open(path) as file:
        lines = csv.reader(file)
        header = next(lines, [])
        rows = []
        for number, line in enumerate(lines, start=2):
            if len(line) != len(header):
                raise InputError(f"{path}, line {number}: {len(line)} cells, the header has {len(header)}")
            rows.append(line[1:])
    if not rows or len(header) < 2:
        raise InputError(f"{path}: no values; a table has a header and a column of times at its left")
    try:
        values = np.array(rows, np.float64)
    except ValueError:  # a cell that is missing, or no number
        values = np.array([_numbers(cells, f"{path}, line {i}") for i, cells in enumerate(rows, start=2)])
    return header[1:], values.T.copy()


def read_rows(path: Path) -> dict[str, Float[np.ndarray, " time"]]:
    """Series by name: a line each, name first, as long as its values go (the layout of M4)."""
    with _open(path) as file:
        lines = csv.reader(file)
        next(lines, None)
        return {
            line[0]: np.array(_numbers([cell for cell in line[1:] if cell], f"{path}, series {line[0]}"))
            for line in lines
        }


def read_tsf(path: Path) -> list[Float[np.ndarray, " time"]]:
    """The series of a file in the format of the Monash archive, in order."""
    with _open(path) as file:
        lines = [line.strip() for line in file]
    data = lines[lines.index("@data") + 1 :] if "@data" in lines else []
    if not data:
        raise InputError(f"{path}: no series; a .tsf file lists them below a line @data")
    return [np.array(_numbers(line.rsplit(":", 1)[-1].split(","), str(path))) for line in data if line]


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", newline="", encoding="latin-1") as file:  # TSF files of the archive are
            yield file  # type: ignore[misc]
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _numbers(cells: list[str], place: str) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return [_number(cell, place) for cell in cells]


def _number(cell: str, place: str) -> float:
    """A number, NaN for a missing one."""
    if cell.strip().lower() in _MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"{place}: {cell!r} is not a number") from None
