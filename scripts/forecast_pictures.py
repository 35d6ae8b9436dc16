"""Forecast ten real series of different kinds and draw them on one picture, with their errors.

    python scripts/forecast_pictures.py --data DATA --out docs/images/toto_nano_forecasts.png

Each series is cut where its forecast begins, a fixed number of steps before its end; the error beside its
name is MASE of the median, and that of seasonal naive.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toto import Toto, TotoForecaster
from toto.inference.plot import Panel, forecast_panels, plot_panels

CONTEXT = 2048
NUM_SAMPLES = 128


@dataclass(frozen=True)
class Series:
    """A real series: what it is, where it lies, and what of it is forecast (the end unless steps follow)."""

    title: str
    file: str
    column: str
    season: int
    horizon: int
    steps_after: int = 0

    def values(self, data: Path) -> np.ndarray:
        """[time] in units, NaN where missing."""
        frame = pd.read_csv(data / self.file)
        values = frame[self.column].to_numpy(np.float64)
        return values[: len(values) - self.steps_after]


SERIES = (
    Series("transformer oil temperature, 15 min", "lsf/ETTm1.csv.gz", "OT", 96, 192, 100),
    Series("transformer load (HUFL), hourly", "lsf/ETTh1.csv.gz", "HUFL", 24, 168, 500),
    Series("approvals of orders, 5 min",
        "bizitobs/IAAI24_L2C.csv.gz", "activity_Approve by approver", 288, 576),
    Series("price of power, Nord Pool, hourly", "epf/NP.csv.gz", " Price", 24, 168, 200),
    Series("bicycles rented, hourly", "covariates/bike_sharing_hourly.csv.gz", "users", 24, 168, 1500),
    Series("nitrogen dioxide with gaps, hourly", "missing/air_quality_valencia.csv.gz", "no2", 24, 168, 400),
    Series("requests to a load balancer, 5 min",
        "nab/data/realAWSCloudwatch/elb_request_count_8c0756.csv.gz", "value", 288, 288, 100),
    Series("cpu of a database, 5 min",
        "nab/data/realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv.gz", "value", 288, 288, 1200),
    Series("temperature in Yosemite, 5 min", "missing/yosemite_temps_5min.csv.gz", "y", 288, 576),
    Series("milk per cow, monthly", "darts_small/monthly-milk-incomplete.csv.gz", "Pounds per cow", 12, 24),
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Draw forecasts of ten real series.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the series")
    parser.add_argument("--model", default="toto-nano", help="bundled name, folder or hub id")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    options = parser.parse_args(arguments)
    forecaster = TotoForecaster(Toto.from_pretrained(options.model))
    panels = [forecast_panel(forecaster, series, options.data) for series in SERIES]
    plot_panels(panels, f"{options.model}: forecasts of series it has never seen").savefig(
        options.out, dpi=80
    )


def forecast_panel(forecaster: TotoForecaster, series: Series, data: Path) -> Panel:
    """Forecast the end of a series; prints its errors."""
    values = series.values(data)
    history, actual = values[: -series.horizon], values[-series.horizon :]
    context = torch.from_numpy(history[-CONTEXT:])[None].float()
    forecast = forecaster.forecast([context], series.horizon, NUM_SAMPLES, seed=0, keep_distribution=True)[0]
    naive = history[-series.season :][np.arange(series.horizon) % series.season]
    scale = np.nanmean(np.abs(history[series.season :] - history[: -series.season]))
    errors = [np.nanmean(np.abs(x - actual)) / scale for x in (forecast.median[0, 0].numpy(), naive)]
    print(f"{series.title:42} {len(history):6d} steps, MASE {errors[0]:.3f}, seasonal naive {errors[1]:.3f}")
    title = f"{series.title}: MASE {errors[0]:.2f} (naive {errors[1]:.2f})"
    return forecast_panels(forecast, context, names=[title], actual=actual[None, None])[0]


if __name__ == "__main__":
    main()
