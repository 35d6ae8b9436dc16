"""Draw the picture of docs/production.md: a monitor of a service whose data change after two thirds.

    python scripts/draw_monitor.py [--out docs/images/monitor.png]

Every minute the next two minutes of real host metrics are forecast, and what has arrived is recorded. From a
moment on one of two metrics jumps every five minutes.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toto import ForecastMonitor, TotoPipeline, standard_warmup

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["load_1m", "memory_percent"]
FIRST, STEP, HORIZON = 512, 12, 24


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "monitor.png")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    metrics = pd.read_csv(ROOT / "examples" / "host_metrics.csv", parse_dates=["time"])[["time", *COLUMNS]]
    monitor = watched(jumping(metrics, from_row=len(metrics) * 2 // 3))
    print(monitor.report())
    monitor.plot("Forecasts of two host metrics; from 20:13 on, one of them jumps").savefig(args.out, dpi=80)
    print(f"picture -> {args.out}")


def jumping(metrics: pd.DataFrame, from_row: int) -> pd.DataFrame:
    """The metrics, the first of which goes up and down by 40 of its usual steps every 60 rows."""
    changed, rows = metrics.copy(), np.arange(len(metrics) - from_row)
    size = 40 * metrics[COLUMNS[0]].diff().abs().mean()
    changed.loc[from_row:, COLUMNS[0]] += np.where(rows // 60 % 2 == 0, size, 0)
    return changed


def watched(metrics: pd.DataFrame) -> ForecastMonitor:
    """A monitor of forecasts at every twelfth row, each from the 512 rows before."""
    now = {"row": FIRST}
    monitor = ForecastMonitor(window=25, clock=lambda: metrics["time"][now["row"] - 1].timestamp())
    pipe = TotoPipeline.from_pretrained()
    standard_warmup(pipe)
    for row in range(FIRST, len(metrics) - STEP, STEP):
        now["row"] = row
        monitor.forecast(pipe, metrics.iloc[max(0, row - 512) : row], HORIZON, seed=0)
        now["row"] = row + STEP
        monitor.record_actuals(metrics.iloc[row : row + STEP])
    return monitor


if __name__ == "__main__":
    main()
