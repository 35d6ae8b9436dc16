"""Published scores of GIFT-Eval, for comparison."""

import csv
from pathlib import Path

_FILE = Path(__file__).parent / "published_gift_eval.csv"  # from the leaderboard of GIFT-Eval


def published_scores(metric: str) -> dict[str, dict[str, float]]:
    """Scores by model and task, of the tasks in `gift_eval_tasks.LOCAL_TASKS`; metric is mase or crps."""
    scores: dict[str, dict[str, float]] = {}
    with _FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            scores.setdefault(row["model"], {})[row["task"]] = float(row[metric])
    return scores
