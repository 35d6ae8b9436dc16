"""A picture of a run: its losses, learning rate and gradients against the patches it has seen."""

from pathlib import Path

from toto.errors import InputError, MissingExtraError
from toto.training.csv_log import read_csv
from toto.training.loop import HELD_OUT_FILE, LOSS_FILE

CURVES_FILE = "curves.png"


def draw_curves(out: Path) -> Path:
    """Draw `loss.csv` and `held_out.csv` of a run as `curves.png` beside them; returns its path.

    Raises:
        InputError: a folder without a line of `loss.csv`.
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "drawing the curves of a run") from None
    losses = _columns(out / LOSS_FILE)
    if not losses:
        raise InputError(f"{out} holds no run with a line in {LOSS_FILE}")
    held_out = _columns(out / HELD_OUT_FILE)
    figure = Figure(figsize=(8, 7), layout="constrained")
    of_loss, of_rate, of_norm = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1, 1])
    patches = losses["tokens"]
    of_loss.plot(patches, losses["loss"], color="0.7", label="trained on")
    if held_out:
        of_loss.plot(held_out["tokens"], held_out["loss"], label="held out, averaged weights")
        of_loss.set_ylim(min(held_out["loss"]) - 0.1, max(held_out["loss"]) + 0.1)
    of_loss.set_ylabel("loss")
    of_loss.legend()
    of_rate.plot(patches, losses["learning_rate"])
    of_rate.set_ylabel("learning rate")
    of_norm.plot(patches, losses["gradient_norm"])
    of_norm.set(yscale="log", ylabel="gradient norm", xlabel="million patches")
    for axes in (of_loss, of_rate, of_norm):
        axes.grid(alpha=0.3)
    path = out / CURVES_FILE
    figure.savefig(path, dpi=120)
    return path


def _columns(path: Path) -> dict[str, list[float]]:
    """The columns of a log, patches in millions; nothing where there is no line."""
    rows = read_csv(path) if path.is_file() else []
    columns = {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
    if columns:
        columns["tokens"] = [tokens / 1e6 for tokens in columns["tokens"]]
    return columns
