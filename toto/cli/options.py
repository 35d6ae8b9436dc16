"""The options that several commands share, each defined once, in the panels in which `--help` shows them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from toto.cli.notes import leave_out_notes
from toto.errors import InputError

DATA, MODEL, OUTPUT = "The data", "The model", "Output"


def option(text: str, *names: str, **how: Any) -> Any:
    """An option with its help text; `panel` is the panel of the help, the rest goes to typer."""
    return typer.Option(*names, help=text, rich_help_panel=how.pop("panel", None), **how)


Data = Annotated[
    Path,
    typer.Argument(help="CSV (.csv, .csv.gz) or Parquet file.", show_default=False, metavar="FILE"),
]
Horizon = Annotated[
    int, option("Steps to forecast.", min=1, max=1_000_000, show_default=False, metavar="STEPS")
]

TimeColumn = Annotated[
    str | None,
    option("Column of time stamps (default: found by its name or its dates).", panel=DATA, metavar="NAME"),
]
Columns = Annotated[
    str | None,
    option(
        "Columns of values, as a,b,c (default: all; y, or the only column left, in a long table).",
        "--columns",
        "--column",
        panel=DATA,
        metavar="NAMES",
    ),
]
IdColumn = Annotated[
    str | None,
    option(
        "Column that tells the series of a long table apart (default: unique_id).", panel=DATA, metavar="NAME"
    ),
]
Independent = Annotated[
    bool,
    option("Take every column by itself, as if the others were not there.", "--independent", panel=DATA),
]
Group = Annotated[
    str | None,
    option(
        "Column of a long table; series with the same value in it see each other.",
        panel=DATA,
        metavar="NAME",
    ),
]
Aggregate = Annotated[
    str | None,
    option(
        "Of several rows on one step: mean, sum, min, max, first or last (default: an error).",
        panel=DATA,
        metavar="HOW",
    ),
]
DayFirst = Annotated[
    bool | None,
    option(
        "What 01/02/2026 means (default: what a day above 12 tells).",
        "--day-first/--month-first",
        panel=DATA,
        show_default=False,
    ),
]

Model = Annotated[
    str,
    option(
        "A bundled model, a folder, a .safetensors file, or a hub id (owner/name).",
        panel=MODEL,
        metavar="NAME",
    ),
]
Device = Annotated[
    str | None,
    option("cpu, cuda, cuda:1, ... (default: cuda if there is one).", panel=MODEL, metavar="NAME"),
]
Context = Annotated[
    int, option("Last steps of the history that the model sees.", min=1, panel=MODEL, metavar="STEPS")
]
ContextOfModel = Annotated[
    int | None,
    option(
        "Last steps of the history that the model sees (default: 4096, of a fine-tuned model those of its "
        "training).",
        min=1,
        panel=MODEL,
        show_default=False,
        metavar="STEPS",
    ),
]
Samples = Annotated[
    int,
    option("Sample paths, whose distributions give the quantiles.", min=1, panel=MODEL, metavar="NUMBER"),
]
Tails = Annotated[
    str,
    option(
        "Of models that predict quantiles: exponential, to have quantiles outside their levels from a stated "
        "model of the tails; error, not to.",
        panel=MODEL,
        metavar="NAME",
    ),
]
Seed = Annotated[int, option("The same seed gives the same numbers.", min=0, panel=MODEL, metavar="NUMBER")]

FalseAlarms = Annotated[
    str,
    option(
        "Alarms to expect of clean data, of the columns of a series together: 1/week, 2/day, 1/5000 steps.",
        metavar="RATE",
    ),
]
Detector = Annotated[
    str, option("What is strange: likelihood, quantile, z-score or deviation.", metavar="NAME")
]
CoolDown = Annotated[
    int, option("Quiet steps within which the next alarm is the same event.", min=0, metavar="STEPS")
]

Out = Annotated[
    Path | None,
    option("Write the rows to this .csv, .csv.gz or .parquet file.", panel=OUTPUT, metavar="FILE"),
]
Plot = Annotated[
    Path | None,
    option("Draw a picture to this .png, .svg or .pdf file.", panel=OUTPUT, metavar="FILE"),
]
Json = Annotated[bool, option("Print JSON, for programs, instead of a table.", "--json", panel=OUTPUT)]
Quiet = Annotated[
    bool,
    option(
        "No notes and no progress on stderr, only errors.",
        "--quiet",
        "-q",
        panel=OUTPUT,
        callback=leave_out_notes,
    ),
]


def listed(columns: str | None) -> list[str] | None:
    """The names in a,b,c; None stays None.

    Raises:
        InputError: no names.
    """
    if columns is None:
        return None
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if not names:
        raise InputError(f"names of columns must be like a,b,c, got {columns!r}")
    return names
