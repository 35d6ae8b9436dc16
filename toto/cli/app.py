"""The commands and their options. What they do is imported when they run, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toto import __version__
from toto.cli.finetune import finetune
from toto.cli.notes import notes_on_stderr
from toto.cli.options import (
    DATA,
    OUTPUT,
    Aggregate,
    Columns,
    Context,
    ContextOfModel,
    CoolDown,
    Data,
    DayFirst,
    Detector,
    Device,
    FalseAlarms,
    Group,
    Horizon,
    IdColumn,
    Independent,
    Json,
    Model,
    Out,
    Plot,
    Quiet,
    Samples,
    Seed,
    Tails,
    TimeColumn,
    listed,
    option,
)
from toto.errors import TotoError


class _Commands(TyperGroup):
    """Shows the library's own errors as one line, with exit code 2; others are bugs, with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with what the library logs as notes."""
        with notes_on_stderr():
            try:
                return super().invoke(ctx)
            except TotoError as error:
                typer.echo(f"error: {error}", err=True)
                raise typer.Exit(2) from None


ALARM = 3  # the exit code of `toto detect --exit-code`

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
    horizon: Horizon,
    time_column: TimeColumn = None,
    columns: Columns = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    group: Group = None,
    future: Annotated[
        Path | None,
        option(
            "Table of covariates that are known in the future: its columns, beside time and id, are in the "
            "data too, and are not forecast.",
            panel=DATA,
            metavar="FILE",
        ),
    ] = None,
    past_covariates: Annotated[
        str | None,
        option("Columns that help to forecast and are not forecast.", panel=DATA, metavar="NAMES"),
    ] = None,
    aggregate: Aggregate = None,
    day_first: DayFirst = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: ContextOfModel = None,
    samples: Samples = 32,
    seed: Seed = 0,
    tails: Tails = "error",
    quantiles: Annotated[
        str,
        option("Levels of the quantiles, between 0 and 1.", panel=OUTPUT, metavar="LEVELS"),
    ] = "0.1,0.5,0.9",
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
    quiet: Quiet = False,
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

    - toto forecast prices.csv --horizon 24 --columns price --future weather_forecast.csv

    - toto forecast energy.parquet --horizon 168 --model Datadog/Toto-Open-Base-1.0 --quantiles 0.05,0.5,0.95

    - toto forecast host_metrics.csv --horizon 96 --quiet --json | jq .rows
    """
    from toto.cli.forecast import Settings, run_forecast
    from toto.cli.outputs import Outputs
    from toto.data.layout import Layout

    layout = Layout(
        time_column,
        listed(columns),
        id_column,
        group,
        past_covariates=listed(past_covariates) or (),
        aggregate=aggregate,
        day_first=day_first,
    )
    settings = Settings(model, device, horizon, context, samples, seed, quantiles, independent, tails)
    run_forecast(data, future, layout, settings, Outputs(out, plot, json))


@app.command()
def backtest(
    data: Data,
    horizon: Horizon,
    windows: Annotated[int, option("Windows of each series, the last ones.", min=1, metavar="NUMBER")] = 10,
    step: Annotated[
        int | None,
        option(
            "Steps from window to window (default: the horizon).", min=1, show_default=False, metavar="STEPS"
        ),
    ] = None,
    metrics: Annotated[
        str, option("Any of mase, crps, mae, mse, coverage_80, coverage_95.", metavar="NAMES")
    ] = "mase,crps",
    season: Annotated[
        int | None,
        option(
            "Steps of a season, for the MASE and seasonal naive (default: the longest natural cycle).",
            min=1,
            show_default=False,
            metavar="STEPS",
        ),
    ] = None,
    time_column: TimeColumn = None,
    columns: Columns = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    aggregate: Aggregate = None,
    day_first: DayFirst = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: ContextOfModel = None,
    samples: Samples = 32,
    seed: Seed = 0,
    out: Out = None,
    plot: Annotated[
        Path | None,
        option("Write a report to this .html, .png, .svg or .pdf file.", panel=OUTPUT, metavar="FILE"),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
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
    from toto.cli.outputs import Outputs
    from toto.data.layout import Layout

    settings = Settings(
        model, device, horizon, windows, step, season, metrics, context, samples, seed, independent
    )
    layout = Layout(time_column, listed(columns), id_column, aggregate=aggregate, day_first=day_first)
    run_backtest(data, layout, settings, Outputs(out, plot, json))


@app.command()
def watch(
    false_alarms: FalseAlarms = "1/week",
    cool_down: CoolDown = 10,
    detector: Detector = "deviation",
    history: Annotated[
        Path | None,
        option("Rows of the past to begin with: a file of such lines.", metavar="FILE"),
    ] = None,
    state: Annotated[
        Path | None,
        option("Go on from this file if it is there, and save to it.", metavar="FILE"),
    ] = None,
    time_column: TimeColumn = None,
    columns: Columns = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: Context = 4096,
    quiet: Quiet = False,
) -> None:
    """Watch rows on standard input, and print alarms as lines of JSON.

    Rows are CSV with a header (or that of the history), or JSON lines: a time (a date, or seconds) and
    values, at even steps. Each is compared with what the model predicted of it one step before. Without a
    history or a state the first rows, four patches of the model, are only collected. Rows that are late or
    come twice are left out with a note, and gaps are missing values; a row behind a gap waits for the next
    one. While an alarm goes on, another is printed only for a column that was not in it.

    For example:

    - python scripts/record_host_metrics.py --out - | toto watch --history host_metrics.csv

    - tail -f metrics.csv | toto watch --history metrics.csv --false-alarms 1/day --columns cpu,errors
    """
    import sys

    from toto.cli.runtime import runtime_of
    from toto.cli.watch import WatchSettings, run_watch

    settings = WatchSettings(
        model,
        runtime_of(device),
        time_column,
        listed(columns),
        context,
        false_alarms,
        cool_down,
        history,
        state,
        detector,
    )
    run_watch(sys.stdin, settings, lambda line: print(line, flush=True))


@app.command()
def detect(
    data: Data,
    false_alarms: FalseAlarms = "1/week",
    clean: Annotated[
        float,
        option(
            "Share of the history, from its start, to calibrate on: the cleaner, the better.", metavar="SHARE"
        ),
    ] = 0.5,
    detector: Detector = "deviation",
    combine: Annotated[
        str,
        option("How columns make one score: simes (one is enough), fisher (many a little).", metavar="NAME"),
    ] = "simes",
    direction: Annotated[str, option("Alarms for values above, below, or both.", metavar="NAME")] = "both",
    persistence: Annotated[int, option("Steps in a row that must be strange.", min=1, metavar="STEPS")] = 1,
    cool_down: CoolDown = 10,
    max_steps_ahead: Annotated[
        int | None,
        option(
            "Steps ahead that a value is predicted from at most; 1 is slowest (default: a patch).",
            min=1,
            show_default=False,
            metavar="STEPS",
        ),
    ] = None,
    time_column: TimeColumn = None,
    columns: Columns = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    aggregate: Aggregate = None,
    day_first: DayFirst = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: Context = 4096,
    out: Out = None,
    plot: Plot = None,
    json: Json = False,
    exit_code: Annotated[
        bool,
        option("End with code 3 if there are events behind the clean part.", "--exit-code", panel=OUTPUT),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Find anomalies in the series in a table.

    Every value is judged by what the model expected of it, given earlier values alone. The first part of the
    history tells how strange values get without an anomaly, so that alarms are as rare as asked.

    For example:

    - toto detect host_metrics.csv --column cpu_percent --false-alarms 1/week --plot out.png --out events.csv

    - toto detect host_metrics.csv --clean 0.3 --direction above --persistence 3
    """
    from toto.cli.detect import Settings, run_detect
    from toto.cli.outputs import Outputs
    from toto.data.layout import Layout

    layout = Layout(time_column, listed(columns), id_column, aggregate=aggregate, day_first=day_first)
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
    num_alarms = run_detect(data, layout, settings, Outputs(out, plot, json))
    if exit_code and num_alarms:
        raise typer.Exit(ALARM)


app.command()(finetune)


@app.command()
def info(json: Json = False) -> None:
    """Show versions, devices, kernels, bundled models, settings and installed extras.

    For example:

    - toto info

    - TOTO_DEVICE=cpu toto info --json | jq .settings
    """
    from toto.cli.info import print_info

    print_info(as_json=json)
