"""Command line: `python -m toto.evaluation.lsf --datasets ETTh1 ETTm1 --data DIR`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from toto.evaluation.choose import add_options, chosen_settings, make_forecaster
from toto.evaluation.command import run_command
from toto.evaluation.evaluate import Progress, Result, Stopwatch, forecast_windows, measurement
from toto.evaluation.forecaster import Forecaster
from toto.evaluation.lsf_tasks import DATASETS, HORIZONS, check_datasets, lsf_tasks
from toto.evaluation.metrics import Tally
from toto.evaluation.report import TextTable, check_output, progress_bar, write_results
from toto.evaluation.task import Task

METRICS = ("mse", "mae")
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
    add_options(parser)
    parser.set_defaults(context=CONTEXT)
    return parser


def run(options: argparse.Namespace) -> None:
    """Evaluate the datasets one by one, print a row for each horizon, and write the results."""
    if options.out:
        check_output(options.out)
    check_datasets(options.datasets)
    forecaster = make_forecaster(chosen_settings(options), options.device)
    table = TextTable({"dataset": 12, "horizon": 7, "windows": 7, "MSE": 7, "MAE": 7})
    results: list[Result] = []
    for name in options.datasets:
        tasks = lsf_tasks(options.data, name, options.horizons, options.stride)
        with progress_bar(name) as progress:
            found = evaluate_horizons(tasks, forecaster, progress)
        for result in found:
            record = result.measurement
            table.row(name, str(record.horizon), str(record.num_windows), *_numbers([result]))
        table.row(name, "mean", "", *_numbers(found))
        results += found
    if options.out:
        write_results(results, options.out)
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
    tallies = [Tally(METRICS) for _ in tasks]
    stopwatch = Stopwatch(forecaster)
    levels, total = tallies[0].levels, max(task.num_windows for task in tasks)
    done = first_id = 0
    for part in _longest_first(tasks):
        for window, quantiles in forecast_windows(part, stopwatch, levels, first_id):
            for task, tally in zip(tasks, tallies, strict=True):
                if task.horizon <= part.horizon:
                    tally.add(window.first(task.horizon), quantiles[:, :, : task.horizon])
            done += 1
            if progress is not None:
                progress(done, total)
        first_id += part.num_forecasts
    return [
        Result(measurement(task, forecaster, levels), tally.scores(), task.num_forecasts, stopwatch.seconds)
        for task, tally in zip(tasks, tallies, strict=True)
    ]


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
