"""Table files: CSV, read so that messages can name the line, and Parquet."""

import csv
import gzip
import logging
import re
import warnings
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from toto.data.table import Table, import_pandas
from toto.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

OUTPUT_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_NUMBER = re.compile(r"[-+]?\.?\d[\d.]*(e[-+]?\d+)?", re.IGNORECASE)


def read_table(path: Path) -> Table:
    """The table in a `.parquet` file, or in a CSV file of any other name (`.gz`: compressed).

    Cells of a CSV file stay text; commas, semicolons, tabs or bars separate them, whichever the
    header has most of. Columns at the end that are empty and have no name, as separators at the
    ends of all lines make them, are left out. An index that was saved with a Parquet file is that of
    its frame.

    Raises:
        InputError: no such file, not text in UTF-8, no header, a line with too many cells, or cells
            at the end that no name stands above.
        MissingExtraError: a Parquet file, but no pyarrow.
    """
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def write_table(frame: "pd.DataFrame", path: Path) -> None:
    """Write the frame to a `.csv`, `.csv.gz` or `.parquet` file, over what is there."""
    check_output(path)
    with explained(path, "written"):
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, float_format="%.10g")


def check_output(path: Path, suffixes: tuple[str, ...] = OUTPUT_SUFFIXES) -> None:
    """`InputError` unless the name ends in one of `suffixes`, the folder exists, and it is no folder."""
    if not path.name.lower().endswith(suffixes):
        raise InputError(f"{path}: the name must end in {', '.join(suffixes)} to tell the format")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; create it first")
    _check_no_folder(path)


def _check_no_folder(path: Path) -> None:
    # what opening a folder says differs between operating systems
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a file; name a file")


def _read_parquet(path: Path) -> Table:
    pd = import_pandas()
    with explained(path, "read"):
        return Table(pd.read_parquet(path), str(path))


def _read_csv(path: Path) -> Table:
    pd = import_pandas()
    with explained(path, "read"):
        _check_no_folder(path)
        header, delimiter, num_blank = _read_header(path)
        with _open(path) as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                frame = pd.read_csv(
                    file,
                    sep=delimiter,
                    dtype=str,
                    na_filter=False,
                    index_col=False,
                    skipinitialspace=True,
                    skiprows=num_blank,
                    skip_blank_lines=len(header) > 1,  # of a single column, a blank line is a missing value
                )
            except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
                raise _malformed(path, delimiter, len(header), error) from None

    def line_of_row(row: int) -> int:
        return _line_of_row(path, delimiter, row)

    return _without_unnamed(Table(frame, str(path), line_of_row), len(_named(header)))


def _read_header(path: Path) -> tuple[list[str], str, int]:
    """The column names in the first line that is not blank, what separates them, the blank lines before."""
    with _open(path) as file:
        num_blank, line = next(((i, line) for i, line in enumerate(file) if line.strip()), (0, None))
        if line is None:
            raise InputError(f"{path}: the file is empty; the first line must name the columns")
        where = f"{path}, line {num_blank + 1}"
        delimiter = max(",;\t|", key=line.count)
        whole = chain([line], file)  # a quoted name may go on over several lines
        header = next(csv.reader(whole, delimiter=delimiter, skipinitialspace=True))
    named = _named(header)
    if all(_NUMBER.fullmatch(name.strip()) for name in named[1:] or named):
        raise InputError(f"{where}: {line.strip()[:60]!r} holds numbers; it must name the columns")
    for name in named:
        if named.count(name) > 1:
            raise InputError(f"{where}: the column {name!r} occurs twice; rename one")
    return header, delimiter, num_blank


def _named(header: list[str]) -> list[str]:
    """The header without the empty names at its end; a first empty name stays: an index has none."""
    width = len(header)
    while width > 1 and not header[width - 1].strip():
        width -= 1
    return header[:width]


def _without_unnamed(table: Table, num_named: int) -> Table:
    """The table without its columns from `num_named` on, which have no name: they must be empty."""
    for number in range(num_named, table.frame.shape[1]):
        cells = table.frame.iloc[:, number].fillna("").str.strip()
        if cells.any():
            row = int((cells != "").argmax())
            raise InputError(
                f"{table.place(row, str(number + 1))}: {cells.iloc[row]!r}, but the header gives this column "
                "no name; name it, or empty the column"
            )
        log.info("%s: column %d has no name and no values and is left out", table.name, number + 1)
    return replace(table, frame=table.frame.iloc[:, :num_named])


def _records(path: Path, delimiter: str) -> Generator[tuple[int, list[str]], None, None]:
    """The line in which each record starts, and its cells, as pandas sees them; the header is the first."""
    with _open(path) as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        width, line = 0, 1
        for cells in reader:
            blank = not "".join(cells).strip() and len(cells) < 2
            if not blank or width == 1:
                width = width or len(cells)
                yield line, cells
            line = reader.line_num + 1


def _line_of_row(path: Path, delimiter: str, row: int) -> int:
    with closing(_records(path, delimiter)) as records:
        return next(line for number, (line, _) in enumerate(records) if number == row + 1)


def _malformed(path: Path, delimiter: str, width: int, error: Exception) -> InputError:
    try:
        with closing(_records(path, delimiter)) as records:
            for line, cells in records:
                if len(cells) > width:
                    return InputError(
                        f"{path}, line {line}: {len(cells)} cells, but the header names {width}"
                    )
    except csv.Error:
        pass
    return InputError(f"{path}: not a CSV file: {str(error).strip()}")


def _open(path: Path) -> TextIOWrapper:
    if path.suffix.lower() == ".gz":
        return cast(TextIOWrapper, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def explained(path: Path, done: str) -> Iterator[Any]:
    """What can go wrong with a file, as one sentence about that file."""
    try:
        yield
    except FileNotFoundError:
        if done == "written":
            raise InputError(f"{path}: cannot be written there; choose another folder") from None
        raise InputError(f"{path}: no such file; check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; save the table as CSV (UTF-8)") from None
    except (csv.Error, EOFError, OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be {done}: {reason}") from None
    except ImportError:
        raise MissingExtraError("pyarrow", "pandas", "a Parquet file") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be {done}: {error}") from None
