"""Forecast the end of ETTm1 with the bundled model, and draw it beside what happened.

    python scripts/draw_ettm1.py --data ETTm1.csv --out docs/images

The file is ETT-small/ETTm1.csv of https://github.com/zhouhaoyi/ETDataset. The first picture has the horizon
of the published tutorial and all seven variates, the second three of them and two days.
"""

import argparse
from pathlib import Path

import pandas as pd

from toto import MaskedTimeseries, Toto, TotoForecaster
from toto.inference.plot import plot_forecast

CONTEXT = 4096


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Draw forecasts of ETTm1.")
    parser.add_argument("--data", type=Path, required=True, help="ETTm1.csv, or with .gz behind its name")
    parser.add_argument("--model", default="toto-nano", help="bundled name, folder or hub id")
    parser.add_argument("--samples", type=int, default=256, help="sample paths")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    options = parser.parse_args(arguments)
    table = pd.read_csv(options.data, parse_dates=["date"], index_col="date")
    forecaster = TotoForecaster(Toto.from_pretrained(options.model))
    for name, horizon, columns in (
        ("ettm1_tutorial", 336, list(table.columns)),
        ("ettm1_forecast", 192, ["HUFL", "MUFL", "OT"]),
    ):
        draw(forecaster, table[columns], horizon, options.samples, options.out / f"{name}.png")


def draw(forecaster: TotoForecaster, table: pd.DataFrame, horizon: int, num_samples: int, path: Path) -> None:
    """Forecast the last `horizon` rows from those before, together, and save the picture."""
    history, actual = table.iloc[-horizon - CONTEXT : -horizon], table.iloc[-horizon:]
    series = MaskedTimeseries.from_array(history.to_numpy().T)
    forecast = forecaster.forecast(series, horizon, num_samples, seed=0, keep_distribution=True)
    figure = plot_forecast(
        forecast,
        history.to_numpy().T,
        times=history.index,
        future_times=actual.index,
        names=list(table.columns),
        actual=actual.to_numpy().T,
    )
    figure.savefig(path, dpi=80)
    print(path)


if __name__ == "__main__":
    main()
