"""The options that several commands share, each defined once."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Argument(help="CSV (.csv, .csv.gz) or Parquet file.", show_default=False)]
TimeColumn = Annotated[
    str | None,
    typer.Option(show_default=False, help="Column of time stamps (default: found by its name or its dates)."),
]
Columns = Annotated[
    str | None,
    typer.Option(show_default=False, help="Columns to forecast, as a,b,c (default: all; y in a long table)."),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        show_default=False, help="Column that tells the series of a long table apart (default: unique_id)."
    ),
]
Independent = Annotated[
    bool,
    typer.Option("--independent", help="Take every column by itself, as if the others were not there."),
]
Model = Annotated[
    str, typer.Option(help="A bundled model, a folder, a .safetensors file, or a hub id (owner/name).")
]
Device = Annotated[
    str | None,
    typer.Option(show_default=False, help="cpu, cuda, cuda:1, ... (default: cuda if there is one)."),
]
Context = Annotated[int, typer.Option(min=1, help="Last steps of the history that the model sees.")]
Samples = Annotated[int, typer.Option(min=1, help="Sample paths, whose distributions give the quantiles.")]


def listed(columns: str | None) -> list[str] | None:
    """The names in a,b,c; None stays None."""
    return None if columns is None else [name.strip() for name in columns.split(",")]
