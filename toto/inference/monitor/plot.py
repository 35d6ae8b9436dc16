"""The picture of a monitor: latency, spread, error and coverage over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from toto.inference.monitor.report import UNITS, MonitorReport
from toto.inference.plot import ACTUAL, FUTURE, HISTORY, import_matplotlib

if TYPE_CHECKING:
    from toto.inference.plot import Axes, Figure

History = Float[np.ndarray, "values 2"]

_SMOOTHED = 20  # values that the line is a mean of


def plot_monitor(report: MonitorReport, histories: Mapping[str, History], title: str | None) -> "Figure":
    """Draw each value as a point, means of the last 20 as a line, and what they should be as a dashed one.

    Args:
        report: its baselines are drawn.
        histories: of latency, spread, error and coverage: times, in seconds since 1970, and values.
        title: of the figure.
    """
    figure = import_matplotlib("figure").Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    for axis, (name, unit) in zip(axes, UNITS.items(), strict=False):
        found = getattr(report, name)
        _draw(axis, histories[name], None if found is None else found.baseline, "baseline")
        axis.set_title(f"{name} ({unit})", loc="left", fontsize=10)
        axis.set_ylim(bottom=0)
    _draw(axes[3], histories["coverage"], report.interval, f"{report.interval:.0%}")
    axes[3].set_title(f"coverage of the {report.interval:.0%} interval", loc="left", fontsize=10)
    axes[3].set_ylim(-0.03, 1.03)
    dates = import_matplotlib("dates")
    locator = dates.AutoDateLocator(minticks=3, maxticks=7)
    axes[3].xaxis.set_major_locator(locator)
    axes[3].xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _draw(axis: "Axes", history: History, expected: float | None, called: str) -> None:
    times, values = (history[:, 0] * 1e6).astype("M8[us]"), history[:, 1]
    axis.plot(times, values, ".", color=HISTORY, alpha=0.6, markersize=4)
    axis.plot(times, _running_mean(values), color=FUTURE, linewidth=1.6)
    if expected is not None:
        axis.axhline(expected, color=ACTUAL, linewidth=1, linestyle="--", label=called)
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, fontsize=8, frameon=False)
    axis.grid(axis="y", color="#e3e6e8", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, color="#9aa0a6")


def _running_mean(values: Float[np.ndarray, " values"]) -> Any:
    """The mean of up to so many values that end at each."""
    sums = np.concatenate([[0.0], values.cumsum()])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - _SMOOTHED, 0)
    return (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
