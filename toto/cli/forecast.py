"""`toto forecast`: table in; table, file and picture out."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from toto.cli.outputs import Outputs
from toto.cli.report import PatientProgress, print_forecast
from toto.cli.runtime import runtime_of
from toto.data.csv import read_table
from toto.data.frame import is_long
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table
from toto.errors import InputError
from toto.inference.arguments import one_of
from toto.inference.models import draws_paths
from toto.inference.pipeline import TotoPipeline
from toto.inference.pipeline.arguments import DEFAULT_CONTEXT
from toto.inference.pipeline.inputs import Inputs, read_inputs
from toto.inference.pipeline.run import forecast_inputs
from toto.inference.pipeline.settings import ForecastSettings

log = logging.getLogger(__name__)

APART = "--independent: a fine-tuned model takes columns together as in its training; leave it out"


@dataclass(frozen=True)
class Settings:
    """Which model forecasts, and how."""

    model: str
    device: str | None
    horizon: int
    context: int | None
    samples: int
    seed: int
    quantiles: str
    independent: bool
    tails: str = "error"


def run_forecast(
    data: Path, future: Path | None, layout: Layout, settings: Settings, outputs: Outputs
) -> None:
    """Read, forecast, print; write and draw if asked for. What is wrong is found before the model runs.

    Raises:
        InputError: see `series_from_table`; a level, a suffix or a folder.
        CheckpointError: no such model.
    """
    levels = parse_levels(settings.quantiles)
    one_of("--tails", settings.tails, ("error", "exponential"))
    for file in (data, future):
        if file is not None:
            outputs.check(file)
    table = read_table(data)
    known = None if future is None else read_table(future)
    pipe = TotoPipeline(runtime_of(settings.device).load(settings.model))
    inputs = _inputs(pipe, table, known, layout, settings)
    series = inputs.series
    context = settings.context or (DEFAULT_CONTEXT if pipe.record is None else pipe.record.context)
    _note_missing(series, context)
    start = time.perf_counter()
    how = ForecastSettings(
        settings.horizon,
        context,
        settings.samples,
        tuple(levels),
        settings.seed,
        tails=settings.tails,
    )
    with PatientProgress(1) as progress:
        forecast = forecast_inputs(pipe.forecaster, inputs, how, progress.within_series)
    frame = forecast.to_frame()
    seconds = time.perf_counter() - start
    steps = _steps(series, settings.horizon)

    model = f"{_model(settings.model, pipe.model)}, {_context(series, context)}"
    drawn = f"{settings.samples} samples, seed {settings.seed}" if draws_paths(pipe.model) else "quantiles"
    summary = f"{model}, {drawn}, {seconds:.1f} s"
    title = f"{data.name}: {_num_series(series)}, {steps}"

    def show() -> None:
        print_forecast(frame, series[0].time_column, forecast.labels, len(levels), title, summary)

    def draw(picture: Path) -> None:
        forecast.plot(title=f"{data.name}: {steps}").savefig(picture, dpi=150)

    shown = asdict(settings) | {"context": context}
    about = {"command": "forecast", "data": data, "settings": shown, "seconds": round(seconds, 3)}
    outputs.print(about, frame, show)
    outputs.write(frame, f"{len(frame):,} rows", draw, "picture")


def _inputs(
    pipe: TotoPipeline, table: Table, known: Table | None, layout: Layout, settings: Settings
) -> Inputs:
    """The series of a table; a fine-tuned model knows from its training what the columns are."""
    if pipe.record is None:
        return read_inputs(table, grouped(table, layout, settings.independent), known, settings.horizon)
    if settings.independent:
        raise InputError(APART)
    return pipe.record.read(table, layout, known, settings.horizon)


def grouped(table: Table, layout: Layout, independent: bool) -> Layout:
    """The variates of a wide table see each other, and the targets of each series of a long one."""
    if independent and layout.group is not None:
        raise InputError("--independent and --group exclude each other: choose one")
    if independent or layout.group is not None:
        return layout
    if is_long(table, layout.id_column):
        return replace(layout, group=layout.id_column or "unique_id")
    return replace(layout, together=True)


def parse_levels(text: str) -> list[float]:
    """`0.1,0.5,0.9` as numbers, ascending.

    Raises:
        InputError: not numbers between 0 and 1, or one twice.
    """
    try:
        levels = sorted(float(part) for part in text.split(","))
    except ValueError:
        levels = []
    if not levels or len(set(levels)) < len(levels) or not all(0 < level < 1 for level in levels):
        raise InputError(
            f"--quantiles must be different numbers between 0 and 1, like 0.1,0.5,0.9; got {text!r}"
        )
    return levels


def _note_missing(series: Sequence[RegularSeries], context: int) -> None:
    missing = sum(int(np.isnan(one.values[:, -context:]).sum()) for one in series)
    if missing:
        total = sum(one.values[:, -context:].size for one in series)
        log.warning("%s of %s values of the context are missing", f"{missing:,}", f"{total:,}")


def _num_series(series: Sequence[RegularSeries]) -> str:
    count = len({name for one in series for name in one.ids})
    variates = len({name for one in series for name in one.variates})
    if series[0].id_column is None:
        return f"{variates} variate{'s' * (variates > 1)}"
    targets = f" of {variates} targets" if variates > 1 else ""
    return f"{count} series{targets}"


def _steps(series: Sequence[RegularSeries], horizon: int) -> str:
    """`next 96 steps of 15 min`; the length of a step only where all series agree on one in time."""
    spacings = {one.grid.spacing for one in series}
    spacing = f" of {spacings.pop()}" if len(spacings) == 1 and series[0].grid.counts_time else ""
    return f"next {horizon} step{'s' * (horizon > 1)}{spacing}"


def _context(series: Sequence[RegularSeries], context: int) -> str:
    lengths = [one.values.shape[1] for one in series]
    used = [min(length, context) for length in lengths]
    steps = f"{min(used):,}" if min(used) == max(used) else f"{min(used):,} to {max(used):,}"
    cut = f" (the last of {max(lengths):,})" if max(lengths) > context else ""
    return f"context {steps} steps{cut}"


def _model(name: str, model: Any) -> str:
    parameters = sum(weight.numel() for weight in model.parameters())
    return f"{name} ({parameters / 1e6:.3g} M parameters, {model.device.type})"
