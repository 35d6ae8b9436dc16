"""Command line: `python -m toto.evaluation.gift_eval --data DIR --model toto-nano`."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from toto.errors import InputError
from toto.evaluation.choose import make_forecaster
from toto.evaluation.command import add_options, checked_settings, run_command
from toto.evaluation.evaluate import Result, evaluate
from toto.evaluation.gift_eval_tasks import LOCAL_TASKS, SPLITS, VALIDATION, local_tasks, official_tasks
from toto.evaluation.published import published_scores
from toto.evaluation.report import ResultsFile, TextTable, geometric_mean_relative, progress_bar
from toto.evaluation.task import Task

COMPARED = ("mase", "crps")
PUBLISHED = ("Seasonal_Naive", "Chronos-Bolt-base", "Toto-1.0", "Toto-2.0-22m")  # columns of the table


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(build_parser(), run, arguments)


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m toto.evaluation.gift_eval",
        description="Score a model on tasks of GIFT-Eval, relative to a baseline, beside published scores.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of local files (docs/evaluation.md lists them)")
    source.add_argument("--official", action="store_true", help="read by the package gift_eval")
    tasks = f"dataset/frequency/term, any of {', '.join(LOCAL_TASKS)} (default: all of them)"
    parser.add_argument("--tasks", nargs="+", metavar="TASK", default=LOCAL_TASKS, help=tasks)
    parser.add_argument("--baseline", default="seasonal-naive", help="what scores are relative to")
    split = "validation: the windows before those of the test, for choosing between models (local files)"
    parser.add_argument("--split", choices=SPLITS, default="test", help=split)
    add_options(parser)
    return parser


def run(options: argparse.Namespace) -> None:
    """Evaluate the tasks one by one; print a row for each and write its results when it is done."""
    settings = checked_settings(options)
    tasks = _tasks(options)
    baseline = make_forecaster(replace(settings, model=options.baseline, context=None), options.device)
    forecaster = make_forecaster(settings, options.device)
    out, table = ResultsFile(options.out), _Table(options.model, _name_width(options))
    for task in tasks:
        with progress_bar(task.name) as progress:
            result, reference = evaluate(task, forecaster, progress=progress), evaluate(task, baseline)
        table.add(result, reference)
        out.add(result)
        out.add(reference)
    table.end()
    print(f"MASE/CRPS; baseline: {options.baseline}; the last row: geometric means relative to it.")
    print(table.results[-1].measurement)


_Scores = dict[str, dict[str, dict[str, float]]]  # by column, metric and task


def _tasks(options: argparse.Namespace) -> Iterable[Task]:
    if not options.official:
        return local_tasks(options.data, options.tasks, options.split)
    if options.split != "test":
        raise InputError(f"split must be test with official, got {options.split}: use local files")
    return official_tasks(options.tasks)


def _name_width(options: argparse.Namespace) -> int:
    longest = max(len(name) for name in options.tasks)
    return max(22, longest + (len(VALIDATION) if options.split == "validation" else 0))


class _Table:
    """Scores of the model, of the baseline, and published ones, a row for each task."""

    def __init__(self, model: str, name_width: int) -> None:
        self.results: list[Result] = []
        self.references: list[Result] = []
        published = {name: {m: published_scores(m)[name] for m in COMPARED} for name in PUBLISHED}
        ours: _Scores = {name: {m: {} for m in COMPARED} for name in (model[-20:], "baseline")}
        self._columns = ours | published
        widths = {name: max(13, len(name)) for name in self._columns}
        self._table = TextTable({"task": name_width, "cover 80/95": 11, "s/100": 6, **widths})

    def add(self, result: Result, reference: Result) -> None:
        """Print the row of a task."""
        self.results.append(result)
        self.references.append(reference)
        task = result.measurement.task
        for scores, new in zip(self._columns.values(), (result, reference), strict=False):
            for metric in COMPARED:
                scores[metric][task] = new.scores[metric]
        pairs = [_pair([scores[m].get(task) for m in COMPARED]) for scores in self._columns.values()]
        self._table.row(task, _coverage([result]), f"{result.seconds_per_100:.2f}", *pairs)

    def end(self) -> None:
        """Print the geometric means relative to the baseline, and the seconds per 100 of all forecasts."""
        num_forecasts = sum(result.num_forecasts for result in self.results)
        seconds = 100 * sum(result.seconds for result in self.results) / num_forecasts
        baseline = self._columns["baseline"]
        pairs = [
            _pair([_relative(scores[m], baseline[m]) for m in COMPARED]) for scores in self._columns.values()
        ]
        name = f"mean of {len(self.results)}, relative"
        self._table.row(name, _coverage(self.results), f"{seconds:.2f}", *pairs)


def _relative(scores: Mapping[str, float], baseline: Mapping[str, float]) -> float | None:
    """The geometric mean relative to the baseline; None where that is undefined."""
    try:
        return geometric_mean_relative(scores, baseline)
    except InputError:
        return None


def _coverage(results: Sequence[Result]) -> str:
    means = [fmean(result.scores[name] for result in results) for name in ("coverage_80", "coverage_95")]
    return f"{means[0]:.3f}/{means[1]:.3f}"


def _pair(numbers: Sequence[float | None]) -> str:
    mase, crps = numbers
    return "" if mase is None or crps is None else f"{mase:.3f}/{crps:.4f}"


if __name__ == "__main__":
    sys.exit(main())
