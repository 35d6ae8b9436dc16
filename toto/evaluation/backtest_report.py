"""A backtest as text, as a page that works offline, and as a picture."""

import html
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toto.errors import InputError
from toto.evaluation.backtest_plot import (
    HEADINGS,
    headline,
    plot_backtest,
    plot_calibration,
    plot_forecasts,
    relative_colour,
)
from toto.evaluation.backtest_result import Backtest

SUFFIXES = (".html", ".png", ".svg", ".pdf")

_MEANINGS = {
    "mase": "MASE: absolute error of the median in seasonal errors, the mean absolute difference of values "
    "{season} step{s} apart in the history (no unit)",
    "crps": "CRPS: mean quantile loss over the mean absolute value (no unit)",
    "mae": "MAE: mean absolute error of the median, in the units of the series",
    "mse": "MSE: mean squared error of the median, in squared units of the series",
    "coverage_80": "coverage 80: share of the values between the 10 % and the 90 % quantile",
    "coverage_95": "coverage 95: share of the values between the 2.5 % and the 97.5 % quantile",
}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p { color: #555; margin: .2rem 0; max-width: 60rem; } figure { margin: 0; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { padding: .22rem .8rem; text-align: right; } th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #c9ced3; } tbody tr:nth-child(even) { background: #f6f7f8; }
tbody tr:last-child { font-weight: bold; border-top: 2px solid #c9ced3; background: none; }
"""


def table_cells(frame: Any, max_rows: int | None = None) -> tuple[list[str], list[list[str]]]:
    """The table of `Backtest.to_frame` as texts: header and rows; of more than `max_rows`, the first ones."""
    header = ["series", *(_heading(column) for column in frame.columns[1:])]
    rows = [
        [str(row[0]), *(_cell(name, number) for name, number in zip(frame.columns[1:], row[1:], strict=True))]
        for row in frame.itertuples(index=False)
    ]
    if max_rows is not None and len(rows) > max_rows + 1:
        left_out = len(rows) - 1 - (max_rows - 1)
        rows = [*rows[: max_rows - 1], [f"... and {left_out} more", *[""] * (len(header) - 1)], rows[-1]]
    return header, rows


def text_report(result: Backtest) -> str:
    """Title, table and notes as plain text."""
    header, rows = table_cells(result.to_frame())
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]

    def text(cells: Sequence[str]) -> str:
        numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([cells[0].ljust(widths[0]), *numbers]).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [headline(result), "", text(header), rule, *map(text, rows[:-1]), rule, text(rows[-1]), ""]
    return "\n".join([*lines, *notes(result)])


def notes(result: Backtest) -> list[str]:
    """What the columns mean, and what was measured, a line each."""
    record = result.measurement
    meanings = [
        _MEANINGS[name].format(season=record.seasonality, s="s" * (record.seasonality > 1))
        for name in result.metrics
    ]
    return [
        *meanings,
        "naive: the same of seasonal naive; rel.: score / naive, below 1 is better than it",
        "in 80 %: share of the values inside the central 80 % interval",
        "overall: mean over the series; of rel. the geometric mean",
        *_left_out(result),
        f"{result.settings}; season {record.seasonality}; {record.windows}; toto {record.toto_version}; "
        f"{result.seconds:.1f} s, {result.num_shared} of {len(result.forecasts)} windows from shared passes",
    ]


def _left_out(result: Backtest) -> list[str]:
    """How many series have no ratio, a line for each metric."""
    series = result.to_frame()[:-1]
    columns = {name: f"{name}_relative" for name in result.metrics if f"{name}_relative" in series}
    missing = {name: int(series[column].isna().sum()) for name, column in columns.items()}
    why = "seasonal naive makes no error there, or nothing is known"
    return [f"rel. of {name} leaves out {num} series: {why}" for name, num in missing.items() if num]


def check_report(path: Path) -> None:
    """`InputError` unless a report can be written to a file of this name."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"the report must end in {', '.join(SUFFIXES)} to tell the format, got {path}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; create it first")


def write_report(result: Backtest, path: Path) -> None:
    """Write a page (`.html`) or a picture; see `Backtest.write_report`."""
    check_report(path)
    try:
        if path.suffix.lower() == ".html":
            path.write_text(page(result), encoding="utf-8")
        else:
            plot_backtest(result).savefig(path, dpi=130)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def page(result: Backtest) -> str:
    """The report as one HTML file, which loads nothing."""
    header, rows = table_cells(result.to_frame())
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "\n".join(f"<tr>{_html_cells(header, row)}</tr>" for row in rows)
    paragraphs = "\n".join(f"<p>{html.escape(note)}</p>" for note in notes(result))
    title = html.escape(headline(result))
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head>
<body>
<h1>{title}</h1>
<table><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table>
{paragraphs}
<h2>Calibration</h2>
<p>Left: how many actual values lie inside central intervals, thin lines for single series; above the dashed
line the intervals are too wide, below too narrow. Middle: bars above 1 at both ends mean too narrow
forecasts, in the middle too wide ones, a slope a bias. Right: how the error grows, beside seasonal naive.</p>
<figure>{_svg(plot_calibration(result))}</figure>
<h2>Best, median and worst forecast</h2>
<figure>{_svg(plot_forecasts(result))}</figure>
</body>
</html>
"""


def _html_cells(header: Sequence[str], row: Sequence[str]) -> str:
    cells = []
    for name, cell in zip(header, row, strict=True):
        style = f' style="color:{relative_colour(cell)}"' if name == "rel." else ""
        cells.append(f"<td{style}>{html.escape(cell)}</td>")
    return "".join(cells)


def _svg(figure: Any) -> str:
    """The figure as an element of a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return text.getvalue()[text.getvalue().index("<svg") :]


def _heading(column: str) -> str:
    """What a column of the frame is called in a table."""
    if column.endswith("_relative"):
        return "rel."
    if column.endswith("_naive"):
        return "naive"
    if column.startswith("inside_"):
        return f"in {column.removeprefix('inside_')} %"
    return HEADINGS.get(column, column.replace("_", " "))


def _cell(column: str, number: float) -> str:
    if not math.isfinite(number):
        return "-"
    if column.startswith(("inside", "coverage")):
        return f"{100 * number:.1f} %"
    return f"{number:.3f}" if abs(number) < 100 else f"{number:,.4g}"
