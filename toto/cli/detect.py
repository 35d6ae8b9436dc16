"""`toto detect`: table in; events, scores and picture out."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from toto.anomaly.detectors import DETECTORS
from toto.anomaly.series_detection import SeriesDetection, detect_in_series
from toto.cli.outputs import Outputs
from toto.cli.report import print_table
from toto.cli.runtime import runtime_of
from toto.data.csv import read_table
from toto.data.forecast_frame import FrameKind
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.errors import InputError
from toto.inference.models import Model
from toto.inference.pipeline.fit_record import FitRecord

MAX_SHOWN = 20


@dataclass(frozen=True)
class Settings:
    """Which model and detector, and how it is calibrated."""

    model: str
    device: str | None
    detector: str
    false_alarms: str
    clean: float
    combine: str
    direction: str
    persistence: int
    cool_down: int
    max_steps_ahead: int | None
    context: int
    independent: bool


def run_detect(data: Path, layout: Layout, settings: Settings, outputs: Outputs) -> int:
    """Read, calibrate on the first part, detect in all of it; print, write and draw.

    Returns:
        The number of events behind the clean part.

    Raises:
        InputError: see `series_from_wide` and `Detector`; a share, a suffix or a folder.
        CheckpointError: no such model.
    """
    if settings.detector not in DETECTORS:
        raise InputError(f"--detector must be one of {', '.join(DETECTORS)}, got {settings.detector!r}")
    if not 0 < settings.clean <= 1:
        raise InputError(
            f"--clean must be a share of the history, above 0 and up to 1, got {settings.clean:g}"
        )
    outputs.check(data)
    series = series_from_table(read_table(data), layout)
    if settings.independent:
        series = [part for one in series for part in one.split()]
    toto = runtime_of(settings.device).load(settings.model)
    FitRecord.note_unread(toto.config, "detect")
    start = time.perf_counter()
    found = _detect(series, toto, settings)
    frame = found.events
    seconds = time.perf_counter() - start
    about = {"command": "detect", "data": data, "settings": asdict(settings), "seconds": round(seconds, 3)}
    outputs.print(about, frame, lambda: _print(frame, data, series, settings, seconds))

    def draw(picture: Path) -> None:
        found.plot(found.strangest, title=data.name).savefig(picture, dpi=150)

    what = "picture" if len(series) == 1 else f"picture of the strangest of {len(series)} series"
    outputs.write(frame, _events(len(frame)), draw, what)
    return int((~frame["in_clean_part"].astype(bool)).sum())


def _detect(series: Sequence[RegularSeries], toto: Model, settings: Settings) -> SeriesDetection:
    return detect_in_series(
        toto,
        series,
        FrameKind(),
        detector=settings.detector,
        clean=settings.clean,
        false_alarms=settings.false_alarms,
        combine=settings.combine,
        direction=settings.direction,
        persistence=settings.persistence,
        cool_down=settings.cool_down,
        max_steps_ahead=settings.max_steps_ahead,
        context_length=settings.context,
    )


def _print(
    frame: Any, data: Path, series: Sequence[RegularSeries], settings: Settings, seconds: float
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("start", "end", "severity", "variates", "value", "expected"):
        right = name in ("severity", "value", "expected")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "variates")
    table.add_column("")  # the mark of the clean part
    shown = frame.sort_values("severity", ascending=False).head(MAX_SHOWN).sort_values("start", kind="stable")
    for row in shown.itertuples():
        expected = f"{row.expected_low:.4g} to {row.expected_high:.4g}"
        cells = (
            str(row.start),
            str(row.end),
            f"{row.severity:.1f}",
            row.variates,
            f"{row.value:.4g}",
            expected,
            "*" if row.in_clean_part else "",
        )
        table.add_row(*(Text(cell) for cell in cells))
    steps = sum(one.values.shape[1] for one in series)
    after = int((~frame["in_clean_part"].astype(bool)).sum())
    typer.echo(f"{data.name}: {_events(len(frame))} in {steps:,} steps, {after} of them after the clean part")
    if len(frame):
        print_table(table)
    if shown["in_clean_part"].any():
        typer.echo("* in the clean part: calibrated on as if it were usual; --clean sets the share.")
    if len(frame) > MAX_SHOWN:
        typer.echo(f"The {MAX_SHOWN} most severe; --out events.csv writes all.")
    of_each = f" of each of {len(series)} series" if len(series) > 1 else ""
    typer.echo(
        f"{settings.model}, {settings.detector} detector, {settings.false_alarms} false alarms{of_each}, "
        f"calibrated on the first {100 * settings.clean:g} %, {seconds:.1f} s"
    )


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"
