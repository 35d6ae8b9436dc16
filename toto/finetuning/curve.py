"""The curve of a run: rows of losses and scores by step, the first of the untouched model."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from toto.errors import MissingExtraError

COLUMNS = ("step", "loss", "score", "learning_rate", "seconds")

Row = Mapping[str, float | int]


def write_curve(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a CSV file, complete or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    unfinished.replace(path)


def draw_curve(rows: Sequence[Row], path: Path) -> None:
    """Draw losses and scores against the steps.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "drawing the curve of a run") from None
    figure = Figure(figsize=(7, 5), layout="constrained")
    of_score, of_loss = figure.subplots(2, 1, sharex=True)
    trained = rows[1:]
    of_score.axhline(rows[0]["score"], color="0.5", linestyle="--", label="untouched model")
    of_score.plot([row["step"] for row in trained], [row["score"] for row in trained], label="fine-tuned")
    of_score.set_ylabel("validation score")
    of_score.legend()
    of_loss.plot([row["step"] for row in trained], [row["loss"] for row in trained], color="0.3")
    of_loss.set(ylabel="training loss", xlabel="step")
    for axes in (of_score, of_loss):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
