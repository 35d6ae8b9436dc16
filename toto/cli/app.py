"""The commands and their options. What they do is imported when they run, so that `--help` is quick."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toto import __version__
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
    data: Annotated[Path, typer.Argument(help="CSV (.csv, .csv.gz) or Parquet file.", show_default=False)],
    horizon: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Steps to forecast.", show_default=False)
    ],
    time_column: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="Column of time stamps (default: found by its name or its dates)."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="Columns to forecast, as a,b,c (default: all; y in a long table)."
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help="Column that tells the series of a long table apart (default: unique_id).",
        ),
    ] = None,
    independent: Annotated[
        bool,
        typer.Option(
            "--independent", help="Forecast every column by itself, as if the others were not there."
        ),
    ] = False,
    sort: Annotated[bool, typer.Option("--sort", help="Sort the rows by time.")] = False,
    model: Annotated[
        str, typer.Option(help="A bundled model, a folder, a .safetensors file, or a hub id (owner/name).")
    ] = "toto-nano",
    device: Annotated[
        str | None,
        typer.Option(show_default=False, help="cpu, cuda, cuda:1, ... (default: cuda if there is one)."),
    ] = None,
    context: Annotated[
        int, typer.Option(min=1, help="Last steps of the history that the model sees.")
    ] = 4096,
    samples: Annotated[int, typer.Option(min=1, help="Sample paths that are drawn.")] = 256,
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
    values, and so are gaps on the regular grid of the time stamps.

    For example:

    - toto forecast host_metrics.csv --horizon 96 --plot forecast.png

    - toto forecast host_metrics.csv --horizon 96 --columns cpu_percent,load_1m --out forecast.csv

    - toto forecast sales.csv --horizon 28 --id-column store --time-column day --columns revenue

    - toto forecast energy.parquet --horizon 168 --model Datadog/Toto-Open-Base-1.0 --quantiles 0.05,0.5,0.95
    """
    from toto.cli.forecast import Layout, Settings, run_forecast

    layout = Layout(
        time_column,
        None if columns is None else [name.strip() for name in columns.split(",")],
        id_column,
        sort,
    )
    settings = Settings(model, device, horizon, context, samples, seed, independent)
    run_forecast(data, layout, settings, quantiles, out, plot)


@app.command()
def info() -> None:
    """Show versions, devices, kernels, bundled models and installed extras."""
    from toto.cli.info import print_info

    print_info()
