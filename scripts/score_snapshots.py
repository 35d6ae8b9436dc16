"""Score the snapshots of a training run on GIFT-Eval tasks: how the scores fall with the patches seen.

    python scripts/score_snapshots.py RUN --data DATA --out curve.png

A row for every folder of RUN/snapshots and for RUN/final: geometric means of MASE and CRPS relative to
seasonal naive. The default split is "validation", the windows before those of the test: for choosing.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from toto.evaluation.choose import make_forecaster
from toto.evaluation.evaluate import evaluate
from toto.evaluation.gift_eval_tasks import LOCAL_TASKS, SPLITS, local_tasks
from toto.evaluation.record import Settings
from toto.evaluation.report import TextTable, geometric_mean_relative
from toto.evaluation.task import Task
from toto.training.csv_log import read_csv
from toto.training.loop import FINAL_FOLDER, LOSS_FILE, SNAPSHOTS

METRICS = ("mase", "crps")
Scores = dict[str, dict[str, float]]  # by metric and task


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = parse_options(arguments)
    folders = snapshots(options.run)
    tasks = list(local_tasks(options.data, options.tasks, options.split))
    naive = scores_of(Settings("seasonal-naive"), tasks)
    table = TextTable({"weights": 16, "million patches": 15, "MASE": 8, "CRPS": 8})
    points = []
    for folder in folders:
        settings = Settings(
            str(folder), context=options.context, num_samples=16, seed=0, quantiles_from="distribution"
        )
        scores = scores_of(settings, tasks)
        means = [geometric_mean_relative(scores[metric], naive[metric]) for metric in METRICS]
        patches = patches_seen(options.run, folder.name)
        table.row(folder.name, f"{patches:.1f}", *(f"{mean:.3f}" for mean in means))
        points.append((patches, *means))
    if options.out:
        draw(points, options.out)


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Score the snapshots of a training run.")
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tasks (docs/evaluation.md)")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--tasks", nargs="+", default=LOCAL_TASKS)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--out", type=Path, help="picture of the curve")
    return parser.parse_args(arguments)


def snapshots(run: Path) -> list[Path]:
    """The folders with weights, by step, the result last."""
    final = run / FINAL_FOLDER
    found = sorted((run / SNAPSHOTS).glob("step-*")) + ([final] if final.is_dir() else [])
    if not found or not (run / LOSS_FILE).is_file():
        raise SystemExit(
            f"{run} must be the folder of a run, with {LOSS_FILE} and {SNAPSHOTS} or {FINAL_FOLDER}"
        )
    return found


def patches_seen(run: Path, name: str) -> float:
    """Millions of patches that the weights of a folder were trained on."""
    rows = read_csv(run / LOSS_FILE)
    steps, tokens = ([0, *(int(row[column]) for row in rows)] for column in ("step", "tokens"))
    step = steps[-1] if name == FINAL_FOLDER else int(name.removeprefix("step-"))
    return float(np.interp(step, steps, tokens)) / 1e6


def scores_of(settings: Settings, tasks: list[Task]) -> Scores:
    """The scores of a forecaster on every task."""
    forecaster = make_forecaster(settings)
    results = {task.name: evaluate(task, forecaster, METRICS).scores for task in tasks}
    return {metric: {task: scores[metric] for task, scores in results.items()} for metric in METRICS}


def draw(points: list[tuple[float, ...]], path: Path) -> None:
    """The curve of both scores."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    patches, *means = zip(*points, strict=True)
    for metric, values in zip(METRICS, means, strict=True):
        axes.plot(patches, values, marker="o", label=metric.upper())
    axes.set(xlabel="million patches", ylabel="relative to seasonal naive")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
