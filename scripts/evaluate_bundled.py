"""Score a model against seasonal naive on two real data sets, with a table and a picture.

    python scripts/evaluate_bundled.py --model toto-nano --plot out.png

ETTm1 (15 minutes, seasonality 96, 7 variates): the last day, and 20 days in a row at the end. Host
metrics (5 seconds, seasonalities 1 and 12): the last 8 minutes, and every such window before with enough
history. The error is MASE of the median of the sample paths: the mean absolute error over the mean
absolute seasonal difference of all history before the window, averaged over variates and windows.
Variates whose history has no seasonal difference (constant ones) are left out and named.
"""

import argparse
import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from toto.data.masked_timeseries import MaskedTimeseries
from toto.inference.forecast import Forecast
from toto.inference.forecaster import TotoForecaster
from toto.inference.plot import plot_forecast
from toto.model.toto import Toto

REPOSITORY = Path(__file__).resolve().parent.parent
HORIZON = 96
ETT_WINDOWS = 20
HOST_WINDOWS = 10
COVERAGES = (0.5, 0.8, 0.95)
WIDTHS = (6, 6, 7, 8, 10, 10, 14)


@dataclass(frozen=True)
class Table:
    """One data set: names of its variates and values [variates, time], NaN where missing."""

    name: str
    variates: list[str]
    values: np.ndarray


def main() -> None:
    """Run the command line."""
    options = parse_options()
    forecaster = TotoForecaster(Toto.from_pretrained(options.model))
    print(f"MASE over {HORIZON} steps; {options.model}, context {options.context}, {options.samples} samples")
    columns = ("data", "season", "windows", "variates", "as a group", "one by one", "seasonal naive")
    print(" ".join(f"{column:>{width}}" for column, width in zip(columns, WIDTHS, strict=True)))
    ett = options.data / "lsf" / "ETTm1.csv.gz"
    for path, name, seasons, most in (
        (ett, "ettm1", (96,), ETT_WINDOWS),
        (options.host_metrics, "host", (1, 12), HOST_WINDOWS),
    ):
        if not path.is_file():
            print(f"{name} skipped: no file {path}")
            continue
        table = read_table(path, name)
        fitting = (table.values.shape[1] - 2 * max(*seasons, HORIZON)) // HORIZON
        if fitting < 1:
            print(f"{name} skipped: {table.values.shape[1]} steps are too few")
            continue
        for num_windows in sorted({1, min(fitting, most)}):
            report(forecaster, table, seasons, num_windows, options)


def parse_options() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data, host = REPOSITORY.parent / "shared" / "data", REPOSITORY / "examples" / "host_metrics.csv"
    parser.add_argument("--model", default="toto-nano", help="bundled name, folder or hub id")
    parser.add_argument("--data", type=Path, default=data, help="folder that holds lsf/ETTm1.csv.gz")
    parser.add_argument("--host-metrics", type=Path, default=host, help="a CSV file with a time column")
    parser.add_argument("--context", type=int, default=1024, help="steps of history that the model sees")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="draw the last windows to PATH-ettm1 and PATH-host")
    return parser.parse_args()


def report(
    forecaster: TotoForecaster,
    table: Table,
    seasons: tuple[int, ...],
    num_windows: int,
    options: argparse.Namespace,
) -> None:
    """Forecast the last windows of a table, print its lines, and draw the last window."""
    starts = window_starts(table.values, num_windows)
    group = forecast_windows(forecaster, table.values, starts, options, np.zeros(len(table.variates)))
    alone = forecast_windows(forecaster, table.values, starts, options, np.arange(len(table.variates)))
    actual = np.stack([table.values[:, start : start + HORIZON] for start in starts])
    for season in seasons:
        scale = np.stack([seasonal_error(table.values[:, :start], season) for start in starts])
        varies = np.asarray((scale > 0).all(axis=0))
        naive = np.stack([seasonal_naive(table.values[:, :start], season) for start in starts])
        points = (group.median.numpy(), alone.median.numpy(), naive)
        scores = [f"{mase(actual, point, scale, varies):.4f}" for point in points]
        cells = (table.name, season, num_windows, int(varies.sum()), *scores)
        print(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True)), flush=True)
        left_out = [name for name, keep in zip(table.variates, varies, strict=True) if not keep]
        if left_out:
            print(f"constant, left out: {', '.join(left_out)}")
    shares = [f"{coverage:.0%} {inside(group, actual, coverage):.3f}" for coverage in COVERAGES]
    print(f"values inside the interval of the group's forecast: {', '.join(shares)}")
    if options.plot and num_windows == 1:
        draw(table, group, options.plot.with_stem(f"{options.plot.stem}-{table.name}"))


def read_table(path: Path, name: str) -> Table:
    """A CSV file, plain or gzip, whose first column is the time; empty cells are missing."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    rows = [row for row in rows if len(row) == len(header)]  # a file that still grows may end inside a line
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    return Table(name, header[1:], values.T.copy())


def window_starts(values: np.ndarray, num_windows: int) -> list[int]:
    """First steps of the windows: back to back, the last one ends with the data."""
    return [values.shape[1] - HORIZON * count for count in range(num_windows, 0, -1)]


def forecast_windows(
    forecaster: TotoForecaster,
    values: np.ndarray,
    starts: list[int],
    options: argparse.Namespace,
    groups: np.ndarray,
) -> Forecast:
    """Forecasts [windows, variates, horizon] from the context before each start."""
    longest = min(max(starts), options.context)
    contexts = []
    for start in starts:
        seen = values[:, max(0, start - longest) : start]
        contexts.append(np.pad(seen, ((0, 0), (longest - seen.shape[1], 0)), constant_values=np.nan))
    batch = torch.from_numpy(np.stack(contexts).astype(np.float32))
    inputs = MaskedTimeseries.from_array(batch, group_ids=groups.astype(np.int64))
    return forecaster.forecast(inputs, HORIZON, options.samples, samples_per_batch=64, seed=options.seed)


def seasonal_naive(history: np.ndarray, season: int) -> np.ndarray:
    """The last season of [variates, time] repeated over the horizon."""
    return np.take(history[:, -season:], np.arange(HORIZON) % season, axis=1)


def seasonal_error(history: np.ndarray, season: int) -> np.ndarray:
    """The mean absolute seasonal difference of every variate of [variates, time]."""
    return np.nanmean(np.abs(history[:, season:] - history[:, :-season]), axis=1)


def mase(actual: np.ndarray, point: np.ndarray, scale: np.ndarray, varies: np.ndarray) -> float:
    """Mean absolute scaled error over windows and varying variates of [windows, variates, horizon]."""
    error = np.nanmean(np.abs(actual - point), axis=2)
    return float(np.mean(error[:, varies] / scale[:, varies]))


def inside(forecast: Forecast, actual: np.ndarray, coverage: float) -> float:
    """The share of real values inside the central interval of the paths."""
    low, high = forecast.quantile([0.5 - coverage / 2, 0.5 + coverage / 2]).numpy()
    return float(np.mean(((low <= actual) & (actual <= high))[np.isfinite(actual)]))


def draw(table: Table, forecast: Forecast, path: Path) -> None:
    """The last window of every variate with its history and the forecast of the group."""
    history, actual = table.values[:, :-HORIZON], table.values[:, -HORIZON:]
    figure = plot_forecast(
        forecast,
        history,
        actual=actual,
        names=table.variates,
        history_steps=4 * HORIZON,
        title=f"{table.name}, last {HORIZON} steps",
    )
    figure.savefig(path, dpi=110)
    print(f"drawn: {path}")


if __name__ == "__main__":
    main()
