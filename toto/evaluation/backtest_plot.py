"""Pictures of a backtest; each part draws on given axes, so that a page or one figure can hold it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toto.data.regular_series import Moments
from toto.evaluation.backtest_result import Backtest
from toto.evaluation.backtest_scores import Scores, coverage
from toto.inference.plot import ACTUAL, FUTURE, HISTORY, import_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAIVE, GRID, BETTER, WORSE = "#8a8f98", "#e3e6e8", "#1e7d4f", "#b3261e"
NUM_BINS = 10
MAX_ROWS = 16  # of the table in a figure
HEADINGS = {"mase": "MASE", "crps": "CRPS", "mae": "MAE", "mse": "MSE"}

Steps = Float[np.ndarray, " horizon"]


class Shown(NamedTuple):
    """A forecast of one variate that is drawn: why it was chosen, its window, and its variate there."""

    title: str
    place: int
    variate: int


def plot_backtest(result: Backtest) -> "Figure":
    """The whole report as one figure: table, calibration, and the best, median and worst forecast."""
    frame = result.to_frame()
    num_rows = min(len(frame), MAX_ROWS + 1)
    heights = [0.24 * (num_rows + 2), 2.9, 3.0]
    figure = import_matplotlib("figure").Figure(figsize=(13.0, sum(heights) + 1.1), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.09, w_pad=0.09)
    grid = figure.add_gridspec(3, 3, height_ratios=heights)
    figure.suptitle(headline(result), x=0.012, ha="left", fontsize=12, fontweight="bold")
    _draw_table(figure.add_subplot(grid[0, :]), frame)
    record = result.measurement
    subtitle = f"{result.settings}; season {record.seasonality}; {record.windows}"
    figure.axes[0].set_title(subtitle, loc="left", fontsize=9, color=NAIVE)
    draw_calibration(result, [figure.add_subplot(grid[1, column]) for column in range(3)])
    for column, shown in enumerate(chosen_forecasts(result)):
        draw_forecast(figure.add_subplot(grid[2, column]), result, shown)
    _add_legend(figure, figure.axes[-1])
    return figure


def plot_calibration(result: Backtest) -> "Figure":
    """Reliability, PIT histogram, and error by step, side by side."""
    figure = import_matplotlib("figure").Figure(figsize=(12.5, 3.2), layout="constrained")
    draw_calibration(result, list(figure.subplots(1, 3)))
    return figure


def plot_forecasts(result: Backtest) -> "Figure":
    """The best, median and worst forecast, side by side."""
    figure = import_matplotlib("figure").Figure(figsize=(12.5, 3.5), layout="constrained")
    for axis, shown in zip(figure.subplots(1, 3), chosen_forecasts(result), strict=True):
        draw_forecast(axis, result, shown)
    _add_legend(figure, figure.axes[-1])
    return figure


def headline(result: Backtest) -> str:
    """What was measured, in a line."""
    record, grids = result.measurement, {(one.grid.counts_time, one.grid.spacing) for one in result.series}
    counts_time, spacing = next(iter(grids))
    of_spacing = f" of {spacing}" if counts_time and len(grids) == 1 else ""
    windows, horizon = record.num_windows // record.num_series, record.horizon
    return (
        f"{record.task}: {len(result.labels)} series, {windows} window{'s' * (windows > 1)} of "
        f"{horizon} step{'s' * (horizon > 1)}{of_spacing}"
    )


def chosen_forecasts(result: Backtest) -> list[Shown]:
    """The forecasts of the best, the median and the worst score: MASE, or where there is none, CRPS."""
    for metric in ("mase", "crps", "mae"):
        scores = _scores(result, metric)
        order = np.argsort(scores, kind="stable")[: int(np.isfinite(scores).sum())]
        if len(order):
            break
    else:
        order, scores = np.arange(len(result.rows)), np.full(len(result.rows), np.nan)
    places = np.repeat(np.arange(len(result.forecasts)), [len(f.pit) for f in result.forecasts])
    variates = np.concatenate([np.arange(len(f.pit)) for f in result.forecasts])
    found = []
    for name, rank in (("best", 0), ("median", (len(order) - 1) // 2), ("worst", len(order) - 1)):
        index = order[rank]
        title = f"{name}: {result.labels[result.rows[index]]}, {HEADINGS[metric]} {scores[index]:.3g}"
        found.append(Shown(title, int(places[index]), int(variates[index])))
    return found


def _scores(result: Backtest, metric: str) -> Float[np.ndarray, " forecasts"]:
    """A metric of every forecast; NaN where the result has no quantiles for it."""
    try:
        return Scores(result.forecasts, result.levels, (metric,)).of_each(metric)
    except KeyError:  # a level that no metric of this backtest reads
        return np.full(len(result.rows), np.nan)


def draw_calibration(result: Backtest, axes: "list[Axes]") -> None:
    """Reliability of intervals, PIT histogram, and error by step, on three axes."""
    reliability, histogram, by_step = axes
    _draw_reliability(reliability, result)
    _draw_histogram(histogram, result)
    _draw_error_by_step(by_step, result)


def _draw_reliability(axis: "Axes", result: Backtest) -> None:
    shares = np.linspace(0, 1, 21)
    each = [result.pit(row) for row in range(len(result.labels))]
    if 1 < len(each) <= 50:
        for pit in each:
            curve = [coverage(pit, share) for share in shares]
            axis.plot(shares, curve, color=FUTURE, alpha=0.25, linewidth=0.8)
    axis.plot([0, 1], [0, 1], color=NAIVE, linewidth=1, linestyle="--", label="ideal")
    everything = [coverage(result.pit(), share) for share in shares]
    axis.plot(shares, everything, color=FUTURE, linewidth=2, label="all series")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    _style(axis, "Reliability: values inside an interval", "share the interval should hold", "share inside")


def _draw_histogram(axis: "Axes", result: Backtest) -> None:
    pit = result.pit()
    heights, edges = np.histogram(pit, NUM_BINS, (0, 1))
    density = heights * NUM_BINS / max(1, len(pit))
    axis.bar(edges[:-1], density, 1 / NUM_BINS, align="edge", color=FUTURE, alpha=0.55, edgecolor="white")
    axis.axhline(1, color=NAIVE, linewidth=1, linestyle="--")
    axis.set(xlim=(0, 1))
    _style(axis, "PIT: where actual values fall", "probability of smaller values", "density (ideal 1)")


def _draw_error_by_step(axis: "Axes", result: Backtest) -> None:
    steps = np.arange(1, result.measurement.horizon + 1)
    marker = "o" if len(steps) == 1 else None
    model, naive = error_by_step(result)
    axis.plot(steps, naive, color=NAIVE, linewidth=1.2, marker=marker, label="seasonal naive")
    axis.plot(
        steps, model, color=FUTURE, linewidth=1.8, marker=marker, label=result.measurement.settings.model
    )
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, fontsize=8, loc="best")
    _style(axis, "Error by step ahead", "step ahead", "absolute error / seasonal error")


def error_by_step(result: Backtest) -> tuple[Steps, Steps]:
    """Mean absolute error of the median over the seasonal error, by step: of model and seasonal naive."""
    middle = result.levels.index(0.5)
    errors: list[Any] = [[], []]
    for forecast in result.forecasts:
        scale = forecast.window.seasonal_error[:, None]
        usable = np.where(scale > 0, scale, np.nan)
        for kept, quantiles in zip(errors, (forecast.quantiles, forecast.naive), strict=True):
            kept.append(np.abs(forecast.window.actual - quantiles[middle]) / usable)
    means = []
    for kept in errors:
        values = np.concatenate(kept)
        count = np.isfinite(values).sum(axis=0)
        total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
        means.append(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))
    return means[0], means[1]


def draw_forecast(axis: "Axes", result: Backtest, shown: Shown) -> None:
    """One forecast with its end of the history, what then happened, and seasonal naive."""
    forecast = result.forecasts[shown.place]
    window, variate = forecast.window, shown.variate
    series, actual = result.series[window.series_index], window.actual[variate]
    origin, horizon = window.history.shape[1], len(actual)
    past = min(origin, max(2 * horizon, 24))
    history = window.history[variate, -past:]
    times = series.times(origin - past, past + horizon)
    after, middle = times[past:], result.levels.index(0.5)
    quantiles = dict(zip(result.levels, forecast.quantiles[:, variate], strict=True))
    naive = forecast.naive[middle, variate]
    _draw_intervals(axis, after, quantiles)
    marker = "o" if horizon == 1 else None
    axis.plot(times[:past], history, color=HISTORY, linewidth=1, label="history")
    axis.plot(after, naive, color=NAIVE, linewidth=1, linestyle="--", marker=marker, label="seasonal naive")
    axis.plot(after, quantiles[0.5], color=FUTURE, linewidth=1.6, marker=marker, label="median")
    axis.plot(after, actual, color=ACTUAL, linewidth=1.1, marker=marker, label="actual")
    _limit(axis, np.concatenate([history, actual, quantiles[0.1], quantiles[0.9]]))
    axis.axvline(after[0], color="#9aa0a6", linewidth=0.8, linestyle=":")
    axis.margins(x=0.01)
    _style(axis, shown.title, "" if times.dtype.kind == "M" else series.time_column, "")
    if times.dtype.kind == "M":
        _show_dates(axis)


def _draw_intervals(axis: "Axes", steps: Moments, quantiles: Mapping[float, Steps]) -> None:
    """Central intervals, as near to 95, 80 and 50 % as there are quantiles."""
    for share, shade in ((0.95, 0.13), (0.8, 0.2), (0.5, 0.3)):
        low, high = (_nearest(quantiles, edge) for edge in (0.5 - share / 2, 0.5 + share / 2))
        label = f"{share:.0%} interval"
        axis.fill_between(steps, low, high, color=FUTURE, alpha=shade, linewidth=0, label=label)


def _nearest(quantiles: Mapping[float, Steps], wanted: float) -> Steps:
    return quantiles[min(quantiles, key=lambda level: abs(level - wanted))]


def _show_dates(axis: "Axes") -> None:
    dates = import_matplotlib("dates")
    locator = dates.AutoDateLocator(minticks=4, maxticks=8)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axis.xaxis.get_offset_text().set_fontsize(8)


def _limit(axis: "Axes", values: Float[np.ndarray, " n"]) -> None:
    """Show what was and what 80 % of the forecast are, though wider tails reach further."""
    known = values[np.isfinite(values)]
    if len(known) and np.ptp(known) > 0:
        margin = 0.12 * np.ptp(known)
        axis.set_ylim(known.min() - margin, known.max() + margin)


def _draw_table(axis: "Axes", frame: Any) -> None:
    """The table as text, in a figure: the first rows and the last."""
    from toto.evaluation.backtest_report import table_cells

    axis.axis("off")
    header, rows = table_cells(frame, MAX_ROWS)
    num_lines = len(rows) + 1
    x = np.linspace(0.30, 1.0, len(header) - 1)
    for line, cells in enumerate([header, *rows]):
        look: dict[str, Any] = {"fontsize": 9, "va": "center", "transform": axis.transAxes}
        look["fontweight"] = "bold" if line in (0, len(rows)) else "normal"
        y = 1 - (line + 0.5) / num_lines
        axis.text(0, y, cells[0], **look)
        for place, cell, name in zip(x, cells[1:], header[1:], strict=True):
            colour = relative_colour(cell) if name == "rel." and line else "black"
            axis.text(place, y, cell, color=colour, ha="right", **look)
    for y in (1 - 1 / num_lines, 1 / num_lines):
        axis.plot([0, 1], [y, y], color=GRID, linewidth=1, transform=axis.transAxes)


def relative_colour(cell: str) -> str:
    """Green below 1, red above."""
    try:
        return BETTER if float(cell) < 1 else WORSE
    except ValueError:
        return "black"


def _style(axis: "Axes", title: str, x_label: str, y_label: str) -> None:
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xlabel(x_label, fontsize=8)
    axis.set_ylabel(y_label, fontsize=8)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, color="#9aa0a6")


def _add_legend(figure: "Figure", axis: "Axes") -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
