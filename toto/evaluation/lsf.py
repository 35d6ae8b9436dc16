"""Command line: `python -m toto.evaluation.lsf --datasets ETTh1 ETTm1 --data DIR`."""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from toto.evaluation.choose import make_forecaster
from toto.evaluation.command import add_options, checked_settings, run_command
from toto.evaluation.evaluate import Progress, Result, Stopwatch, forecast_windows, measurement
from toto.evaluation.forecaster import Forecaster
from toto.evaluation.lsf_tasks import DATASETS, HORIZONS, check_datasets, lsf_tasks
from toto.evaluation.metrics import Future
from toto.evaluation.report import ResultsFile, TextTable, progress_bar
from toto.evaluation.task import Task

METRICS = ("mse", "mae")
MEDIAN = (0.5,)  # the quantile level that they read
CONTEXT = 2048  # of the published protocol


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(build_parser(), run, arguments)


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m toto.evaluation.lsf",
        description="MSE and MAE of the median on long-horizon benchmarks, z-scored by the training part.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of DATASET.csv or DATASET.csv.gz")
    add("--datasets", nargs="+", required=True, metavar="NAME", help=f"any of {', '.join(DATASETS)}")
    add("--horizons", nargs="+", type=int, default=HORIZONS, metavar="STEPS", help="(default: %(default)s)")
    add("--stride", type=int, default=1, help="steps from window to window (as published: 1)")
    add_options(parser, context=CONTEXT)
    return parser


def run(options: argparse.Namespace) -> None:
    """Evaluate the datasets one by one, print and write a row for each horizon."""
    settings = checked_settings(options)
    check_datasets(options.datasets)
    datasets = {
        name: lsf_tasks(options.data, name, options.horizons, options.stride) for name in options.datasets
    }
    forecaster, out = make_forecaster(settings, options.device), ResultsFile(options.out)
    table = TextTable({"dataset": 12, "horizon": 7, "windows": 7, "MSE": 7, "MAE": 7})
    for name, tasks in datasets.items():
        with progress_bar(name) as progress:
            results = evaluate_horizons(tasks, forecaster, progress)
        for result in results:
            out.add(result)
            record = result.measurement
            table.row(name, str(record.horizon), str(record.num_windows), *_numbers([result]))
        table.row(name, "mean", "", *_numbers(results))
    print(results[-1].measurement)


def evaluate_horizons(
    tasks: Sequence[Task], forecaster: Forecaster, progress: Progress | None = None
) -> list[Result]:
    """MSE and MAE of tasks that differ in their horizon alone; results in the order of the tasks.

    The first steps of a long forecast are the short forecast, so every window is forecast once, at the
    longest horizon that fits into it. The seconds of every result are those of the whole pass.

    Args:
        tasks: of the same series, with windows that start at the same steps.
        forecaster: a model or a baseline.
        progress: called as progress(windows done, windows in all).
    """
    stopwatch, errors = Stopwatch(forecaster), list[_Errors]()
    done, total, first_id = 0, max(task.num_windows for task in tasks), 0
    for part in _longest_first(tasks):
        errors.append(_Errors(part.horizon))
        for window, quantiles in forecast_windows(part, stopwatch, MEDIAN, first_id):
            errors[-1].add(window.actual, quantiles[0])
            done += 1
            if progress is not None:
                progress(done, total)
        first_id += part.num_forecasts
    return [
        Result(
            measurement(task, forecaster.settings, MEDIAN),
            _scores(errors, task.horizon),
            task.num_forecasts,
            stopwatch.seconds,
        )
        for task in tasks
    ]


class _Errors:
    """Sums of squared and absolute errors of windows, and their number, by step over all variates."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.sums = np.zeros((3, horizon))

    def add(self, actual: Future, median: Future) -> None:
        """Count one more window; missing values do not count, NaN in a forecast does."""
        known = np.isfinite(actual)
        error = np.where(known, actual - median, 0.0)
        self.sums += [(error**2).sum(axis=0), np.abs(error).sum(axis=0), known.sum(axis=0)]


def _scores(errors: Sequence[_Errors], horizon: int) -> dict[str, float]:
    """MSE and MAE of the first `horizon` steps, over the windows into which these fit."""
    sums = [some.sums[:, :horizon].sum(axis=1) for some in errors if some.horizon >= horizon]
    squared, absolute, count = np.sum(sums, axis=0).tolist()
    return {"mse": squared / count, "mae": absolute / count} if count else dict.fromkeys(METRICS, math.nan)


def _longest_first(tasks: Sequence[Task]) -> Iterator[Task]:
    """Every window once, in a task of the longest horizon that fits into it."""
    done = [range(0) for _ in tasks[0].series]
    for task in sorted(tasks, key=lambda task: -task.horizon):
        rest = [origins[len(before) :] for origins, before in zip(task.origins, done, strict=True)]
        if any(rest):
            yield replace(task, origins=rest)
        done = list(task.origins)


def _numbers(results: Sequence[Result]) -> list[str]:
    return [f"{fmean(result.scores[metric] for result in results):.4f}" for metric in METRICS]


if __name__ == "__main__":
    sys.exit(main())
