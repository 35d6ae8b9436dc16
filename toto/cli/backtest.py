"""`toto backtest`: table in; scores, file and report out."""

from dataclasses import dataclass
from pathlib import Path

import typer

from toto.cli.device import choose_device
from toto.cli.report import PatientProgress
from toto.data.csv import check_output, read_table, write_table
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.errors import InputError
from toto.evaluation.backtest import backtest
from toto.evaluation.backtest_report import check_report
from toto.evaluation.backtest_windows import rolling_windows
from toto.evaluation.metrics import levels_of
from toto.inference.plot import import_matplotlib
from toto.model.toto import Toto


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
    context: int
    samples: int
    seed: int
    independent: bool


def run_backtest(
    data: Path, layout: Layout, settings: Settings, out: Path | None, report: Path | None
) -> None:
    """Read, forecast the past, print the table; write it and a report if asked for.

    What is wrong is found before the model runs.

    Raises:
        InputError: see `series_from_wide` and `backtest`; a suffix or a folder.
        CheckpointError: no such model.
    """
    names = [name.strip() for name in settings.metrics.split(",")]
    levels_of(names)
    if out is not None:
        check_output(out)
        if out.exists() and data.exists() and out.samefile(data):
            raise InputError(f"--out {out}: would replace the data; choose another name")
    if report is not None:
        check_report(report)
        import_matplotlib("figure")
    series = series_from_table(read_table(data), layout)
    sizes = settings.horizon, settings.windows, settings.step
    rolling_windows(data.name, series, *sizes, settings.season)  # or says what does not fit
    model = Toto.from_pretrained(settings.model, map_location=choose_device(settings.device))
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
    typer.echo(result)
    if out is not None:
        write_table(result.to_frame(), out)
        typer.echo(f"scores written to {out}", err=True)
    if report is not None:
        result.write_report(report)
        typer.echo(f"report written to {report}", err=True)
