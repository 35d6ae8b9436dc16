"""Pictures of what a detector found: history, expected range and events, and the score below."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toto.anomaly.detection import Detection
from toto.errors import InputError
from toto.inference.plot import import_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

MAX_VARIATES = 12
OBSERVED, EXPECTED, ALARM, QUIET = "#414b56", "#1a5fb4", "#c01c28", "#9aa0a6"
_ABOVE_THRESHOLD = 3.0  # thresholds that the axis of scores shows; what is higher touches its edge
_LEAST_WIDTH = 1 / 250  # of the picture: an event of one step is to be seen


def plot_detection(
    detection: Detection, names: Sequence[str] | None = None, *, title: str | None = None
) -> "Figure":
    """Draw a detection: a panel for each variate, and one for the score of each group below.

    The band is the interval that was expected to hold the next value, the line in it the median. Events are
    shaded; where a variate is to blame, its strangest value has a dot. Of more than 12 variates those are
    drawn that are to blame most often.

    Args:
        detection: what `Detector.detect` returned; with its times, if it has any.
        names: names of the variates.
        title: title of the figure.

    Returns:
        The figure; `figure.savefig("anomalies.png")` writes it.

    Raises:
        InputError: another number of names than variates.
        MissingExtraError: matplotlib is not installed.
    """
    num_variates, num_steps = detection.values.shape
    names = [f"variate {v}" for v in range(num_variates)] if names is None else list(names)
    if len(names) != num_variates:
        raise InputError(f"names must hold one for each of {num_variates} variates, got {len(names)}")
    variates = _variates_to_draw(detection)
    num_groups = len(detection.thresholds)
    ratios = [2.0] * len(variates) + [1.2] * num_groups
    figure = import_matplotlib("figure").Figure(figsize=(12, 1.1 * sum(ratios) + 1.2), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06)
    axes = figure.subplots(len(ratios), 1, squeeze=False, sharex=True, height_ratios=ratios).ravel()
    times = np.arange(num_steps) if detection.times is None else detection.times
    for axis, variate in zip(axes, variates, strict=False):
        _draw_variate(axis, detection, variate, times)
        axis.set_title(names[variate], loc="left", fontsize=10)
    for group, axis in enumerate(axes[len(variates) :]):
        _draw_score(axis, detection, group, times)
        axis.set_title("score" if num_groups == 1 else f"score of group {group}", loc="left", fontsize=10)
    for axis in axes:
        _finish(axis)
    _label_times(axes[-1], times)
    _add_legend(figure, detection)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _variates_to_draw(detection: Detection) -> list[int]:
    """All in order, or those that are to blame most often."""
    num_variates = len(detection.values)
    if num_variates <= MAX_VARIATES:
        return list(range(num_variates))
    log.warning("%d variates: the picture shows %d, those to blame most", num_variates, MAX_VARIATES)
    blamed = np.zeros(num_variates, dtype=int)
    for event in detection.events:
        blamed[list(event.variates)] += 1
    return sorted(np.argsort(-blamed, kind="stable")[:MAX_VARIATES].tolist())


def _draw_variate(axis: "Axes", detection: Detection, variate: int, times: Any) -> None:
    values = detection.values[variate]
    axis.fill_between(
        times, detection.low[variate], detection.high[variate], color=EXPECTED, alpha=0.22, linewidth=0
    )
    axis.plot(times, detection.median[variate], color=EXPECTED, linewidth=0.8, alpha=0.8)
    axis.plot(times, values, color=OBSERVED, linewidth=1.0)
    for event in detection.events:
        if event.group == detection.groups[variate]:
            _shade(axis, times, event.start, event.end)
        if variate in event.variates:
            axis.plot(times[event.peak], values[event.peak], "o", color=ALARM, markersize=4.5, zorder=4)
    seen = values[np.isfinite(values)]
    if len(seen):  # a band that is wide somewhere must not flatten everything else
        low, high = float(seen.min()), float(seen.max())
        margin = 0.25 * (high - low) or max(1e-9, 0.1 * abs(high))
        axis.set_ylim(low - margin, high + margin)


def _draw_score(axis: "Axes", detection: Detection, group: int, times: Any) -> None:
    scores, threshold = detection.scores[group], float(detection.thresholds[group])
    highest = float(np.nanmax(scores, initial=0.0))
    top = max(min(highest, _ABOVE_THRESHOLD * threshold), 1.3 * threshold, 1.0)
    axis.plot(times, np.minimum(scores, top), color=OBSERVED, linewidth=0.8)
    axis.axhline(threshold, color=ALARM, linewidth=1.0, linestyle="--")
    for event in detection.events:
        if event.group == group:
            _shade(axis, times, event.start, event.end)
            axis.plot(
                times[event.peak], min(scores[event.peak], top), "o", color=ALARM, markersize=4.5, zorder=4
            )
    axis.set_ylim(0, 1.05 * top)


def _shade(axis: "Axes", times: Any, start: int, end: int) -> None:
    least = (times[-1] - times[0]) * _LEAST_WIDTH / 2
    axis.axvspan(times[start] - least, times[end] + least, color=ALARM, alpha=0.16, linewidth=0, zorder=0)


def _finish(axis: "Axes") -> None:
    axis.margins(x=0.005)
    axis.grid(axis="y", color="#e3e6e8", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, color=QUIET)


def _label_times(axis: "Axes", times: Any) -> None:
    if times.dtype.kind == "M":
        dates = import_matplotlib("dates")
        locator = dates.AutoDateLocator(minticks=4, maxticks=10)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    else:
        axis.set_xlabel("step", fontsize=8)


def _add_legend(figure: "Figure", detection: Detection) -> None:
    lines, patches = import_matplotlib("lines"), import_matplotlib("patches")
    entries = {
        "observed": lines.Line2D([], [], color=OBSERVED, linewidth=1.2),
        "expected median": lines.Line2D([], [], color=EXPECTED, linewidth=1.0),
        f"expected {100 * detection.coverage:g} %": patches.Patch(color=EXPECTED, alpha=0.22),
        "event": patches.Patch(color=ALARM, alpha=0.16),
        "peak": lines.Line2D([], [], color=ALARM, marker="o", linestyle="", markersize=4.5),
        "threshold": lines.Line2D([], [], color=ALARM, linewidth=1.0, linestyle="--"),
    }
    figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=6, frameon=False, fontsize=9
    )
