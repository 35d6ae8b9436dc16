"""The commands and their options. What they do is imported when they run, so that `--help` is quick."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toto import __version__
from toto.cli.options import (
    Columns,
    Context,
    Data,
    Device,
    IdColumn,
    Independent,
    Model,
    Samples,
    TimeColumn,
    listed,
)
from toto.errors import TotoError


class _Notes(logging.Handler):
    """What the library logs, as notes on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        typer.echo(f"note: {record.getMessage()}", err=True)


class _Commands(TyperGroup):
    """Shows the library's own errors as one line, with exit code 2; others are bugs, with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with what the library logs as notes."""
        log, notes = logging.getLogger("toto"), _Notes()
        log.addHandler(notes)
        try:
            return super().invoke(ctx)
        except TotoError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from None
        finally:
            log.removeHandler(notes)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(asked: bool | None) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def toto(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    """Forecasts of time series with Toto, from the command line."""


@app.command()
def forecast(
    data: Data,
    horizon: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Steps to forecast.", show_default=False)
    ],
    time_column: TimeColumn = None,
    columns: Columns = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    aggregate: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help="Of several rows on one step: mean, sum, min, max, first or last (default: an error).",
        ),
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first",
            show_default=False,
            help="What 01/02/2026 means (default: what a day above 12 tells).",
        ),
    ] = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: Context = 4096,
    samples: Samples = 32,
    quantiles: Annotated[str, typer.Option(help="Quantile levels, between 0 and 1.")] = "0.1,0.5,0.9",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same forecast.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all steps to this .csv, .csv.gz or .parquet file.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the forecast to this .png, .svg or .pdf file.", show_default=False),
    ] = None,
) -> None:
    """Forecast the series in a table.

    A wide table has a time column and one column per variate; the variates are forecast together,
    each seeing the others (not with --independent). A long table has the columns unique_id, ds and
    y, or others that you name; its series are forecast each by itself. Empty cells are missing
    values, and so are gaps on the regular grid of the time stamps. Rows may be in any order, and time stamps
    that jitter go to the nearest step of the grid.

    For example:

    - toto forecast host_metrics.csv --horizon 96 --plot forecast.png

    - toto forecast host_metrics.csv --horizon 96 --columns cpu_percent,load_1m --out forecast.csv

    - toto forecast sales.csv --horizon 28 --id-column store --time-column day --columns revenue

    - toto forecast energy.parquet --horizon 168 --model Datadog/Toto-Open-Base-1.0 --quantiles 0.05,0.5,0.95
    """
    from toto.cli.forecast import Settings, run_forecast
    from toto.data.layout import Layout

    layout = Layout(time_column, listed(columns), id_column, aggregate=aggregate, day_first=day_first)
    settings = Settings(model, device, horizon, context, samples, seed, independent)
    run_forecast(data, layout, settings, quantiles, out, plot)


@app.command()
def backtest(
    data: Data,
    horizon: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Steps to forecast in each window.", show_default=False)
    ],
    windows: Annotated[int, typer.Option(min=1, help="Windows of each series, the last ones.")] = 10,
    step: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, help="Steps from window to window (default: the horizon)."),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Any of mase, crps, mae, mse, coverage_80, coverage_95.")
    ] = "mase,crps",
    season: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            help="Steps of a season, for the MASE and seasonal naive (default: the longest natural cycle).",
        ),
    ] = None,
    time_column: TimeColumn = None,
    columns: Columns = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    model: Model = "toto-nano",
    device: Device = None,
    context: Context = 4096,
    samples: Samples = 32,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scores.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the table to this .csv, .csv.gz or .parquet file.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Write a report to this .html, .png, .svg or .pdf file.", show_default=False),
    ] = None,
) -> None:
    """Forecast the past of the series in a table, and score the forecasts against what then happened.

    The last windows of every series are forecast, each from the steps before it. The table shows the
    scores beside those of seasonal naive (the last season again), and how many values lie inside the
    intervals that should hold 50, 80 and 95 % of them.

    For example:

    - toto backtest host_metrics.csv --horizon 96 --windows 20 --step 32 --plot report.html

    - toto backtest sales.csv --horizon 28 --id-column store --time-column day --columns revenue --season 7
    """
    from toto.cli.backtest import Settings, run_backtest
    from toto.data.layout import Layout

    settings = Settings(
        model, device, horizon, windows, step, season, metrics, context, samples, seed, independent
    )
    run_backtest(data, Layout(time_column, listed(columns), id_column), settings, out, plot)


@app.command()
def watch(
    false_alarms: Annotated[
        str,
        typer.Option(help="How often an alarm may be false: a number per minute, hour, day, week or month."),
    ] = "1/week",
    history: Annotated[
        Path | None,
        typer.Option(help="Rows of the past to begin with: a file of such lines.", show_default=False),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Go on from this file if it is there, and save to it.", show_default=False),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(show_default=False, help="Column of time stamps (default: by its name, or the first)."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(show_default=False, help="Columns to watch, as a,b,c (default: all).")
    ] = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: Annotated[int, typer.Option(min=1, help="Last steps that the model sees.")] = 4096,
    cool_down: Annotated[
        int, typer.Option(min=0, help="An alarm goes on, and is not shown again, until so many quiet steps.")
    ] = 10,
) -> None:
    """Watch rows on standard input, and print alarms as lines of JSON.

    Rows are CSV with a header, or JSON lines: a time and values, at even steps. Each is compared with what
    the model predicted of it one step before. Without a history or a state the first rows, four patches of
    the model, are only collected. Rows that are late or come twice are left out with a note, and gaps are
    missing values.

    For example:

    - python scripts/record_host_metrics.py --out - | toto watch --history host_metrics.csv

    - tail -f metrics.jsonl | toto watch --false-alarms 1/day --state watch.state --columns cpu,errors
    """
    import sys

    from toto.cli.device import choose_device
    from toto.cli.watch import WatchSettings, run_watch

    settings = WatchSettings(
        model,
        choose_device(device),
        time_column,
        listed(columns),
        context,
        false_alarms,
        cool_down,
        history,
        state,
    )
    run_watch(sys.stdin, settings, lambda line: print(line, flush=True))


@app.command()
def detect(
    data: Data,
    false_alarms: Annotated[
        str, typer.Option(help="Alarms to expect of clean data: 1/week, 2/day, 1/5000 steps.")
    ] = "1/week",
    clean: Annotated[
        float,
        typer.Option(help="Share of the history, from its start, to calibrate on: the cleaner, the better."),
    ] = 0.5,
    detector: Annotated[
        str, typer.Option(help="What is strange: likelihood, quantile, z-score or deviation.")
    ] = "likelihood",
    combine: Annotated[
        str, typer.Option(help="How columns make one score: simes (one is enough), fisher (many a little).")
    ] = "simes",
    direction: Annotated[str, typer.Option(help="Alarms for values above, below, or both.")] = "both",
    persistence: Annotated[int, typer.Option(min=1, help="Steps in a row that must be strange.")] = 1,
    cool_down: Annotated[
        int, typer.Option(min=0, help="Quiet steps within which the next alarm is the same event.")
    ] = 10,
    max_steps_ahead: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            help="Steps ahead that a value is predicted from at most; 1 is slowest (default: a patch).",
        ),
    ] = None,
    time_column: TimeColumn = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            "--column",
            show_default=False,
            help="Columns to watch, as a,b,c (default: all; y in a long table).",
        ),
    ] = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    model: Model = "toto-nano",
    device: Device = None,
    context: Annotated[int, typer.Option(min=1, help="Earlier steps that the model sees at most.")] = 4096,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the events to this .csv, .csv.gz or .parquet file.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw history and events to this .png, .svg or .pdf file.", show_default=False),
    ] = None,
) -> None:
    """Find anomalies in the series in a table.

    Every value is judged by what the model expected of it, given earlier values alone. The first part of the
    history tells how strange values get without an anomaly, so that alarms are as rare as asked.

    For example:

    - toto detect host_metrics.csv --column cpu_percent --false-alarms 1/week --plot out.png --out events.csv

    - toto detect host_metrics.csv --clean 0.3 --direction above --persistence 3
    """
    from toto.cli.detect import Settings, run_detect
    from toto.data.layout import Layout

    layout = Layout(
        time_column,
        listed(columns),
        id_column,
    )
    settings = Settings(
        model,
        device,
        detector,
        false_alarms,
        clean,
        combine,
        direction,
        persistence,
        cool_down,
        max_steps_ahead,
        context,
        independent,
    )
    run_detect(data, layout, settings, out, plot)


@app.command()
def info() -> None:
    """Show versions, devices, kernels, bundled models and installed extras."""
    from toto.cli.info import print_info

    print_info()
