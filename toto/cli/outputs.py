"""Where the result of a command goes: files, a table for people or JSON for programs."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from toto import __version__
from toto.data.csv import check_output, explained, write_table
from toto.errors import InputError
from toto.inference.plot import import_matplotlib

log = logging.getLogger(__name__)

PICTURE_SUFFIXES = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """`InputError` unless a picture can be written to a file of this name."""
    check_output(path, PICTURE_SUFFIXES)
    import_matplotlib("figure")


@dataclass(frozen=True)
class Outputs:
    """Files for the table and the picture, if they are asked for, and whether stdout gets JSON."""

    table: Path | None = None
    picture: Path | None = None
    json: bool = False

    def check(self, data: Path, check_picture: Callable[[Path], None] = check_picture) -> None:
        """`InputError` for a file that cannot be written, or that is the data; nothing has run yet."""
        for option, path, check in (
            ("--out", self.table, check_output),
            ("--plot", self.picture, check_picture),
        ):
            if path is None:
                continue
            check(path)
            if path.exists() and data.exists() and path.samefile(data):
                raise InputError(f"{option} {path}: would replace the data; choose another name")

    def print(self, about: Mapping[str, Any], frame: Any, show: Callable[[], None]) -> None:
        """One JSON object: `about`, and `frame` as its rows; or what `show` prints."""
        if self.json:
            typer.echo(json.dumps({"toto": __version__, **about, "rows": _rows(frame)}, default=str))
        else:
            show()

    def write(self, frame: Any, rows: str, draw: Callable[[Path], None], picture: str) -> None:
        """Write the files that are asked for; `rows` and `picture` are what notes call them."""
        if self.table is not None:
            write_table(frame, self.table)
            log.info("%s written to %s", rows, self.table)
        if self.picture is not None:
            with explained(self.picture, "written"):
                draw(self.picture)
            log.info("%s written to %s", picture, self.picture)


def _rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame by column; what is missing or infinite is null, as JSON has no word for it."""
    return [{name: _cell(cell) for name, cell in row.items()} for row in frame.to_dict("records")]


def _cell(cell: Any) -> Any:
    if isinstance(cell, float):
        return float(f"{cell:.10g}") if math.isfinite(cell) else None
    return cell.isoformat() if hasattr(cell, "isoformat") else cell
