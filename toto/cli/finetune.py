"""The options of `toto finetune`. What it does is imported when it runs."""

from pathlib import Path
from typing import Annotated

from toto.cli.options import (
    DATA,
    MODEL,
    OUTPUT,
    Aggregate,
    Data,
    DayFirst,
    Device,
    Group,
    Horizon,
    IdColumn,
    Independent,
    Json,
    Model,
    Quiet,
    Seed,
    TimeColumn,
    listed,
    option,
)

COVARIATES, TRAINING = "Covariates", "Training"


def finetune(
    data: Data,
    horizon: Horizon,
    out: Annotated[
        Path,
        option(
            "Folder for the model; a run that was cut off goes on from what is there.",
            panel=OUTPUT,
            metavar="FOLDER",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None,
        option(
            "Columns to forecast, as a,b,c (default: all that are nothing else; y, or the only column "
            "left, in a long table).",
            "--target",
            "--columns",
            panel=DATA,
            metavar="NAMES",
        ),
    ] = None,
    time_column: TimeColumn = None,
    id_column: IdColumn = None,
    independent: Independent = False,
    group: Group = None,
    aggregate: Aggregate = None,
    day_first: DayFirst = None,
    known: Annotated[
        str | None,
        option("Columns whose values are known in the future too.", panel=COVARIATES, metavar="NAMES"),
    ] = None,
    past: Annotated[
        str | None,
        option("Columns known up to the last row of a series.", panel=COVARIATES, metavar="NAMES"),
    ] = None,
    static: Annotated[
        str | None,
        option("Columns with one value for a whole series.", panel=COVARIATES, metavar="NAMES"),
    ] = None,
    calendar: Annotated[
        str | None,
        option(
            "Features of the time stamps: minute, hour, dayofweek, weekend, day, dayofyear, month, quarter.",
            panel=COVARIATES,
            metavar="NAMES",
        ),
    ] = None,
    holidays: Annotated[
        str | None,
        option(
            "Country, or part of one, whose public holidays count: DE, DE-BY.",
            panel=COVARIATES,
            metavar="CODE",
        ),
    ] = None,
    model: Model = "toto-nano",
    device: Device = None,
    context: Annotated[
        int | None,
        option(
            "Last steps of the history that the model sees (default: 16 patches).",
            min=1,
            panel=MODEL,
            metavar="STEPS",
        ),
    ] = None,
    mode: Annotated[
        str,
        option(
            "full (all weights), lora (small adapters beside them) or head (the output alone).",
            panel=TRAINING,
            metavar="MODE",
        ),
    ] = "full",
    max_steps: Annotated[
        int | None,
        option("Training steps at most (default: by the data).", min=1, panel=TRAINING, metavar="STEPS"),
    ] = None,
    time_limit: Annotated[
        float | None, option("Minutes of training at most.", min=0, panel=TRAINING, metavar="MINUTES")
    ] = None,
    val_fraction: Annotated[
        float,
        option("Share of the steps, the last ones, that is held out.", panel=TRAINING, metavar="SHARE"),
    ] = 0.15,
    test_fraction: Annotated[
        float,
        option(
            "Share of the steps behind these that is only scored, when all is decided.",
            panel=TRAINING,
            metavar="SHARE",
        ),
    ] = 0.0,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune a model on the series in a table, with covariates if there are some.

    The last part of every series is kept for validation. The score of the untouched model on it is measured
    first, and if training does not beat it, the untouched model is what is saved.

    For example:

    - toto finetune load.csv --target load --known temperature,holiday --horizon 24 --out model/

    - toto forecast load.csv --model model/ --horizon 24 --future weather_forecast.csv

    - toto finetune sales.csv --id-column store --target revenue --horizon 28 --calendar dayofweek --mode lora
      --out model/
    """
    from toto.cli.finetune_run import Settings, run_finetune
    from toto.data.covariates import Covariates
    from toto.data.layout import Layout

    layout = Layout(time_column, listed(target), id_column, group, aggregate=aggregate, day_first=day_first)
    covariates = Covariates(_names(known), _names(past), _names(static), _names(calendar), holidays)
    settings = Settings(
        model,
        device,
        horizon,
        mode,
        context,
        max_steps,
        time_limit,
        val_fraction,
        test_fraction,
        seed,
        independent,
    )
    run_finetune(data, out, layout, covariates, settings, json)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(listed(text) or ())
