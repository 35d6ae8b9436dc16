"""`toto backtest`: table in; scores, file and report out."""

from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from toto.cli.forecast import APART
from toto.cli.outputs import Outputs
from toto.cli.report import PatientProgress
from toto.cli.runtime import runtime_of
from toto.data.csv import read_table
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table
from toto.errors import InputError
from toto.evaluation.backtest import backtest
from toto.evaluation.backtest_fitted import learnt_series
from toto.evaluation.backtest_report import check_report
from toto.evaluation.metrics import levels_of
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.plot import import_matplotlib


@dataclass(frozen=True)
class Settings:
    """Which model forecasts what, and how it is scored."""

    model: str
    device: str | None
    horizon: int
    windows: int
    step: int | None
    season: int | None
    metrics: str
    context: int | None
    samples: int
    seed: int
    independent: bool


def run_backtest(data: Path, layout: Layout, settings: Settings, outputs: Outputs) -> None:
    """Read, forecast the past, print the table; write it and a report if asked for.

    What is wrong is found before the model runs.

    Raises:
        InputError: see `series_from_wide` and `backtest`; a suffix or a folder.
        CheckpointError: no such model.
    """
    names = [name.strip() for name in settings.metrics.split(",")]
    levels_of(names)
    outputs.check(data, _check_report)
    table = read_table(data)
    model = runtime_of(settings.device).load(settings.model)
    series = _series(table, layout, FitRecord.of(model.config), settings)
    sizes = settings.horizon, settings.windows, settings.step
    with PatientProgress(1) as progress:
        result = backtest(
            model,
            series,
            *sizes,
            context=settings.context,
            metrics=names,
            season=settings.season,
            num_samples=settings.samples,
            seed=settings.seed,
            independent=settings.independent,
            name=data.name,
            model_name=settings.model,
            progress=progress.within_series,
        )
    frame = result.to_frame()
    seconds = round(result.seconds, 3)
    shown = asdict(settings) | {"context": result.measurement.settings.context}
    about = {"command": "backtest", "data": data, "settings": shown, "seconds": seconds}
    outputs.print(about, frame, lambda: typer.echo(result))
    outputs.write(frame, "scores", result.write_report, "report")


def _series(
    table: Table, layout: Layout, record: FitRecord | None, settings: Settings
) -> list[RegularSeries]:
    """The series of a table; a fine-tuned model knows from its training what the columns are."""
    if record is None:
        return series_from_table(table, layout)
    if settings.independent:
        raise InputError(APART)
    return learnt_series(record, table, layout, settings.horizon)


def _check_report(path: Path) -> None:
    check_report(path)
    import_matplotlib("figure")
