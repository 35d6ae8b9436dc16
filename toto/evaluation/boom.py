"""Command line: `python -m toto.evaluation.boom --data DIR --model toto-nano`."""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from toto.errors import InputError
from toto.evaluation.boom_tasks import boom_tasks
from toto.evaluation.choose import make_forecaster
from toto.evaluation.command import add_options, checked_settings, run_command
from toto.evaluation.evaluate import Result, evaluate
from toto.evaluation.gift_eval_tasks import TERMS
from toto.evaluation.report import ResultsFile, TextTable, progress_bar

SHIFT = 1e-5  # keeps a score of 0 from making a geometric mean 0
COMPARED = ("mase", "crps")  # relative to the baseline
UNSCALED = ("mae", "crps")  # where the baseline makes no error that could be a scale

Scores = Mapping[str, float]  # of one task, by metric


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(build_parser(), run, arguments)


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m toto.evaluation.boom",
        description="Score a model on BOOM, relative to a baseline, and take shifted geometric means.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the datasets, such as ds-1036-T")
    add("--datasets", nargs="+", metavar="NAME", default=[], help="folders in it (default: all)")
    add("--terms", nargs="+", default=list(TERMS), help="(default: short medium long)")
    text = "list of the benchmark, boom_properties.json: which terms each dataset has"
    add("--properties", type=Path, metavar="FILE", help=text)
    add("--baseline", default="seasonal-naive", help="what scores are relative to")
    add_options(parser)
    return parser


def run(options: argparse.Namespace) -> None:
    """Evaluate the tasks one by one; print a row for each and write its results when it is done."""
    settings = checked_settings(options)
    tasks = boom_tasks(options.data, options.datasets, options.terms, options.properties)
    baseline = make_forecaster(replace(settings, model=options.baseline, context=None), options.device)
    forecaster = make_forecaster(settings, options.device)
    out = ResultsFile(options.out)
    table = TextTable(
        {
            "task": 22,
            "variates": 8,
            "windows": 7,
            "MASE": 8,
            "rel. MASE": 9,
            "CRPS": 8,
            "rel. CRPS": 9,
            "MAE": 10,
        }
    )
    results: list[Result] = []
    references: list[Result] = []
    for task in tasks:
        with progress_bar(task.name) as progress:
            results.append(evaluate(task, forecaster, progress=progress))
            references.append(evaluate(task, baseline))
        table.row(*_cells(results[-1], references[-1]))
        out.add(results[-1])
        out.add(references[-1])
    if not results:
        raise InputError(f"terms: no series is long enough for {', '.join(options.terms)}")
    print(summary([result.scores for result in results], [result.scores for result in references]))
    print(results[-1].measurement)


def shifted_geometric_mean(values: Sequence[float], shift: float = SHIFT) -> float:
    """exp(mean(log(value + shift))) - shift of values from 0 on; NaN of no value."""
    return math.exp(fmean(math.log(value + shift) for value in values)) - shift if values else math.nan


def is_scaled(reference: Scores) -> bool:
    """Whether the baseline has scores above 0, to which others can be relative.

    It has none where a metric never changes: there seasonal naive is perfect, or the MASE has no scale.
    """
    return all(reference[metric] > 0 for metric in COMPARED)


def aggregate(scores: Sequence[Scores], references: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Shifted geometric means, by group of tasks and metric.

    `scaled`: of score / baseline, over the tasks where that is defined. `unscaled`: of the scores themselves,
    over the others. What has no score (CRPS, where all actual values are 0) does not count.
    """
    groups: dict[str, dict[str, list[float]]] = {
        "scaled": {metric: [] for metric in COMPARED},
        "unscaled": {metric: [] for metric in UNSCALED},
    }
    for ours, reference in zip(scores, references, strict=True):
        scaled = is_scaled(reference)
        for metric, values in groups["scaled" if scaled else "unscaled"].items():
            score = ours[metric] / (reference[metric] if scaled else 1)
            if math.isfinite(score):
                values.append(score)
    return {
        group: {metric: shifted_geometric_mean(values) for metric, values in by_metric.items()}
        for group, by_metric in groups.items()
    }


def summary(scores: Sequence[Scores], references: Sequence[Scores]) -> str:
    """The shifted geometric means, a line for each group of tasks."""
    means = aggregate(scores, references)
    num_scaled = sum(is_scaled(reference) for reference in references)
    num_unscaled = len(references) - num_scaled
    return (
        f"shifted geometric means\n"
        f"{num_scaled} tasks, relative to the baseline: "
        f"MASE {means['scaled']['mase']:.3f}, CRPS {means['scaled']['crps']:.3f}\n"
        f"{num_unscaled} tasks without variation, not scaled: "
        f"MAE {means['unscaled']['mae']:.4g}, CRPS {means['unscaled']['crps']:.4g}"
    )


def _cells(result: Result, reference: Result) -> list[str]:
    record, scores = result.measurement, result.scores
    scaled = is_scaled(reference.scores)
    relative = {m: f"{scores[m] / reference.scores[m]:.3f}" if scaled else "-" for m in COMPARED}
    numbers = [f"{scores['mase']:.3f}", relative["mase"], f"{scores['crps']:.4f}", relative["crps"]]
    return [record.task, str(record.num_variates), str(record.num_windows), *numbers, f"{scores['mae']:.4g}"]


if __name__ == "__main__":
    sys.exit(main())
