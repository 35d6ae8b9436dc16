"""Processor seconds of a backtest whose windows share one pass over the history, and of one in batches.

    python benchmarks/backtest.py [--model toto-nano] [--repeats 3]

The windows of each case lie one patch apart. Both ways take turns in one process. Differences are those of
quantiles, over the width of the 80 % interval.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from common import arguments, describe_run, find_checkpoint, print_table, progress, random_walks

from toto import Toto
from toto.evaluation import backtest_origins
from toto.evaluation.backtest_origins import RollingForecaster
from toto.evaluation.files import read_wide
from toto.evaluation.record import Settings
from toto.evaluation.task import Task

COLUMNS = (
    "variates x history, horizon",
    "batches, s",
    "one pass, s",
    "ratio",
    "median difference",
    "largest",
)
LEVELS = (0.1, 0.5, 0.9)
HOST_METRICS = Path(__file__).resolve().parents[1] / "examples" / "host_metrics.csv"
BATCHES, ONE_PASS = float("inf"), 0.0  # the share of tokens that a pass must save to be worth it


class Case(NamedTuple):
    """Windows at the end of one series: random walks, or the metrics of a host."""

    variates: int
    history: int
    horizon: int
    file: Path | None = None

    def __str__(self) -> str:
        """As tables show it."""
        return f"{self.variates} x {self.history}, {self.horizon}" + (" (host metrics)" if self.file else "")

    def values(self) -> np.ndarray:
        """[variates, time] in float64."""
        num_steps = self.history + self.horizon
        walks = random_walks(self.variates, num_steps).double().numpy()
        return walks if self.file is None else read_wide(self.file)[1][: self.variates, -num_steps:]


CASES = (
    Case(1, 4096, 64),
    Case(12, 1408, 64),
    Case(1, 4096, 96),
    Case(12, 1408, 96),
    Case(12, 4096, 96),
    Case(12, 1344, 96, HOST_METRICS),
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, model="toto-nano")
    parser.add_argument("--windows", type=int, default=10, help="of each case (default: 10)")
    parser.add_argument("--samples", type=int, default=32, help="paths beyond the first patch (default: 32)")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    model = Toto.from_pretrained(find_checkpoint(args.model))
    rows = [measured(model, case, args.windows, args.samples, args.repeats) for case in CASES]
    print(f"{describe_run(args)}\n{args.windows} windows, {args.samples} paths\n")
    print_table(COLUMNS, rows)


def measured(model: Toto, case: Case, windows: int, samples: int, repeats: int) -> list[str]:
    """A row of the table."""
    patch = model.model.config.patch_size
    origins = range(case.history - (windows - 1) * patch, case.history + 1, patch)
    task = Task(str(case), [case.values()], [origins], case.horizon, 1, "a patch apart")
    forecaster = RollingForecaster(
        model, Settings("measured", None, samples, 0, "multivariate", "distribution")
    )
    seconds: dict[float, list[float]] = {BATCHES: [], ONE_PASS: []}
    quantiles = {}
    for _ in range(repeats):
        for share, found in seconds.items():
            progress(f"{case}: {'batches' if share == BATCHES else 'one pass'}")
            backtest_origins._WORTH_SHARING = share
            started = time.process_time()
            forecasts = sorted(forecaster.forecasts(task), key=lambda placed: placed[0])
            found.append(time.process_time() - started)
            quantiles[share] = np.stack([forecast.quantile(LEVELS).numpy() for _, _, forecast in forecasts])
    batches, one_pass = (median(found) for found in seconds.values())
    low, _, high = quantiles[BATCHES].swapaxes(0, 1)
    difference = np.abs(quantiles[ONE_PASS] - quantiles[BATCHES]) / (high - low)[:, None]
    numbers = (f"{batches:.3f}", f"{one_pass:.3f}", f"{batches / one_pass:.1f}")
    return [str(case), *numbers, f"{np.median(difference):.0e}", f"{difference.max():.0e}"]


if __name__ == "__main__":
    main()
