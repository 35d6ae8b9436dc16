"""`toto detect`: table in; events, scores and picture out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from toto.anomaly.detection import Detection
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.plot import plot_detection
from toto.cli.device import choose_device
from toto.cli.forecast import PICTURE_SUFFIXES, read_series
from toto.cli.report import print_table
from toto.data.csv import check_output, explained, write_table
from toto.data.frame import RegularSeries
from toto.data.layout import Layout
from toto.data.table import import_pandas
from toto.errors import InputError
from toto.inference.plot import import_matplotlib
from toto.model.toto import Toto

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


def run_detect(
    data: Path, layout: Layout, settings: Settings, out: Path | None, picture: Path | None
) -> None:
    """Read, calibrate on the first part, detect in all of it; print, write and draw.

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
    for path, check in ((out, check_output), (picture, _check_picture)):
        if path is not None:
            check(path)
            if path.exists() and data.exists() and path.samefile(data):
                raise InputError(f"{path}: would replace the data; choose another name")
    series = read_series(data, layout)
    if settings.independent:
        series = [part for one in series for part in one.split()]
    if picture is not None and len(series) > 1:
        raise InputError(
            f"--plot draws one series, got {len(series)}: choose one, or leave --independent out"
        )
    toto = Toto.from_pretrained(settings.model, map_location=choose_device(settings.device))
    start = time.perf_counter()
    found = [_detect(one, toto, settings) for one in series]
    frame = import_pandas().concat(
        [events_frame(one, *both) for one, both in zip(series, found, strict=True)]
    )
    _print(frame, data, series, settings, time.perf_counter() - start)
    if out is not None:
        write_table(frame, out)
        typer.echo(f"{len(frame):,} events written to {out}", err=True)
    if picture is not None:
        drawn = replace(found[0][0], times=series[0].times())
        with explained(picture, "written"):
            plot_detection(drawn, series[0].labels, title=data.name).savefig(picture, dpi=150)
        typer.echo(f"picture written to {picture}", err=True)


def events_frame(series: RegularSeries, detection: Detection, num_clean: int) -> Any:
    """One row per event: when, how rare, which variates, and what was expected of the strangest."""
    events, labels, times = detection.events, series.labels, series.times()
    columns = {
        "start": [times[event.start] for event in events],
        "end": [times[event.end] for event in events],
        "alarm": [times[event.alarm] for event in events],
        "severity": [event.severity for event in events],
        "variates": ["; ".join(labels[v] for v in event.variates) for event in events],
        "value": [event.value for event in events],
        "expected_low": [event.low for event in events],
        "expected_high": [event.high for event in events],
        "in_clean_part": [event.alarm < num_clean for event in events],
    }
    return import_pandas().DataFrame(columns)


def _detect(series: RegularSeries, toto: Toto, settings: Settings) -> tuple[Detection, int]:
    """The detection in one series, and the number of steps of its clean part."""
    detector = DETECTORS[settings.detector](
        toto,
        settings.false_alarms,
        interval_seconds=series.grid.interval_seconds if series.grid.counts_time else None,
        combine=settings.combine,
        direction=settings.direction,
        persistence=settings.persistence,
        cool_down=settings.cool_down,
        max_steps_ahead=settings.max_steps_ahead,
        context_length=settings.context,
    )
    num_clean = max(1, int(settings.clean * series.values.shape[1]))
    return detector.fit_detect(series.values, num_clean), num_clean


def _check_picture(path: Path) -> None:
    check_output(path, PICTURE_SUFFIXES)
    import_matplotlib("figure")


def _print(
    frame: Any, data: Path, series: Sequence[RegularSeries], settings: Settings, seconds: float
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("start", "end", "severity", "variates", "value", "expected"):
        right = name in ("severity", "value", "expected")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "variates")
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
        )
        table.add_row(*(Text(cell) for cell in cells))
    steps = sum(one.values.shape[1] for one in series)
    after = int((~frame["in_clean_part"]).sum()) if len(frame) else 0
    typer.echo(f"{data.name}: {len(frame)} events in {steps:,} steps, {after} of them after the clean part")
    if len(frame):
        print_table(table)
    if len(frame) > MAX_SHOWN:
        typer.echo(f"The {MAX_SHOWN} most severe; --out events.csv writes all.")
    typer.echo(
        f"{settings.model}, {settings.detector} detector, {settings.false_alarms} false alarms, "
        f"calibrated on the first {100 * settings.clean:g} %, {seconds:.1f} s"
    )
