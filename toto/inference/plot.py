"""Pictures of forecasts: history, median and bands, one panel per variate; matplotlib is loaded here.

The figure belongs to no window and no backend: show it in a notebook, or `figure.savefig(path)`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from toto.errors import InputError, MissingExtraError
from toto.inference.forecast import Forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

COVERAGES = (0.5, 0.8, 0.95)
MAX_PANELS = 24
HISTORY, FUTURE, ACTUAL = "#414b56", "#1a5fb4", "#c64600"

Values = Float[np.ndarray, " steps"]


def import_matplotlib(module: str) -> Any:
    """A module of matplotlib, or `MissingExtraError`."""
    try:
        return import_module(f"matplotlib.{module}")
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "drawing a forecast") from None


@dataclass(frozen=True)
class Panel:
    """What one panel shows, in the units of the series; NaN leaves a gap.

    `bands` maps the probability that a band holds (0.8: from the 10 % to the 90 % quantile) to
    its lower and upper edge. `line` is the median, or what `line_name` says.
    """

    title: str
    future_times: Shaped[np.ndarray, " horizon"]
    line: Float[np.ndarray, " horizon"]
    line_name: str = "median"
    bands: dict[float, tuple[Values, Values]] = field(default_factory=dict)
    history_times: Shaped[np.ndarray, " time"] | None = None
    history: Float[np.ndarray, " time"] | None = None
    actual: Float[np.ndarray, " horizon"] | None = None


def plot_forecast(
    forecast: Forecast,
    history: Any = None,
    *,
    times: Any = None,
    future_times: Any = None,
    names: Sequence[str] | None = None,
    actual: Any = None,
    coverages: Sequence[float] = COVERAGES,
    history_steps: int | None = None,
    title: str | None = None,
) -> "Figure":
    """Draw a forecast: a grid of panels, one per variate of every batch element.

    Args:
        forecast: mean and samples [batch, variates, horizon, ...]; without samples the mean alone is drawn.
        history: the context, [variates, time] or [batch, variates, time]; NaN leaves a gap.
        times, future_times: stamps of the history [time] and of the forecast [horizon]: datetimes
            or numbers (None: steps, the forecast starts at 0).
        names: titles of the panels.
        actual: what came, in the shape of the forecast's mean, or [variates, horizon].
        coverages: shares of the paths that the bands hold.
        history_steps: how much of the end of the history is drawn (None: three horizons).
        title: title of the figure.

    Returns:
        The figure; `figure.savefig("forecast.png")` writes it.

    Raises:
        InputError: shapes that do not fit, or a coverage outside 0 to 1.
        MissingExtraError: matplotlib is not installed.
    """
    panels = forecast_panels(
        forecast,
        history,
        times=times,
        future_times=future_times,
        names=names,
        actual=actual,
        coverages=coverages,
        history_steps=history_steps,
    )
    return plot_panels(panels, title)


def forecast_panels(
    forecast: Forecast,
    history: Any = None,
    *,
    times: Any = None,
    future_times: Any = None,
    names: Sequence[str] | None = None,
    actual: Any = None,
    coverages: Sequence[float] = COVERAGES,
    history_steps: int | None = None,
) -> list[Panel]:
    """The panels of `plot_forecast`, to be drawn together with those of other forecasts."""
    batch, variates, horizon = forecast.mean.shape
    past = _rows("history", history, (batch, variates))
    came = _rows("actual", actual, (batch, variates), horizon)
    steps = 0 if past is None else past.shape[1]
    past_times = _stamps("times", times, np.arange(-steps, 0), steps)
    next_times = _stamps("future_times", future_times, np.arange(horizon), horizon)
    if names is None:
        names = _default_names(batch, variates)
    if len(names) != batch * variates:
        raise InputError(f"names must hold one name per panel, {batch * variates} of them, got {len(names)}")
    line, bands = _line_and_bands(forecast, coverages)
    tail = slice(max(0, steps - (3 * horizon if history_steps is None else history_steps)), None)
    return [
        Panel(
            title=names[i],
            future_times=next_times,
            line=line[i],
            line_name="mean" if forecast.samples is None else "median",
            bands={coverage: (low[i], high[i]) for coverage, (low, high) in bands.items()},
            history_times=None if past is None else past_times[tail],
            history=None if past is None else past[i, tail],
            actual=None if came is None else came[i],
        )
        for i in range(batch * variates)
    ]


def plot_panels(panels: Sequence[Panel], title: str | None = None) -> "Figure":
    """Draw the panels as a grid; of more than 24, the first 24, and a warning is logged."""
    if not panels:
        raise InputError("panels must hold at least one panel, got none")
    if len(panels) > MAX_PANELS:
        log.warning("%d variates: the picture shows the first %d", len(panels), MAX_PANELS)
        panels = panels[:MAX_PANELS]
    num_columns = 1 if len(panels) <= 3 else 2 if len(panels) <= 8 else 3
    num_rows = -(-len(panels) // num_columns)
    size = (max(10.0, 5.0 * num_columns), 5.0 if len(panels) == 1 else 2.1 * num_rows + 0.9)
    figure = import_matplotlib("figure").Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.07, w_pad=0.07)
    shared = len({(panel.future_times[0], panel.future_times[-1]) for panel in panels}) == 1
    axes = figure.subplots(num_rows, num_columns, squeeze=False, sharex=shared).ravel()
    for i, panel in enumerate(panels):
        _draw(axes[i], panel)
        lowest = i + num_columns >= len(panels)  # of its column, though other columns may go on below
        axes[i].tick_params(labelbottom=lowest or not shared)
        _label_times(axes[i], panel.future_times.dtype.kind == "M", lowest)
    for axis in axes[len(panels) :]:
        axis.remove()
    _add_legend(figure)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _draw(axis: "Axes", panel: Panel) -> None:
    if panel.history is not None and panel.history_times is not None:
        axis.plot(panel.history_times, panel.history, color=HISTORY, linewidth=1.1, label="history")
        alone = _between_gaps(panel.history)
        axis.plot(panel.history_times[alone], panel.history[alone], ".", color=HISTORY, markersize=3)
        axis.axvline(panel.future_times[0], color="#9aa0a6", linewidth=0.8, linestyle=":")
    line = axis.plot(panel.future_times, panel.line, color=FUTURE, linewidth=1.6, label=panel.line_name)[0]
    if len(panel.line) == 1:  # a single step makes no line
        line.set_marker("o")
    for coverage, (low, high) in sorted(panel.bands.items()):
        label, shade = f"central {coverage * 100:g} %", 0.55 - 0.45 * coverage
        axis.fill_between(panel.future_times, low, high, color=FUTURE, alpha=shade, linewidth=0, label=label)
    if panel.actual is not None:
        axis.plot(panel.future_times, panel.actual, color=ACTUAL, linewidth=1.1, label="actual")
    axis.set_title(panel.title, loc="left", fontsize=10)
    axis.margins(x=0.01)
    axis.grid(axis="y", color="#e3e6e8", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, color="#9aa0a6")


def _label_times(axis: "Axes", dates_wanted: bool, lowest: bool) -> None:
    if dates_wanted:
        dates = import_matplotlib("dates")
        locator = dates.AutoDateLocator(minticks=3, maxticks=7)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        axis.xaxis.get_offset_text().set_fontsize(8)
    elif lowest:
        axis.set_xlabel("step", fontsize=8)


def _add_legend(figure: "Figure") -> None:
    """One legend for all panels, each entry once."""
    entries: dict[str, Any] = {}
    for axis in figure.axes:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=len(entries),
        frameon=False,
        fontsize=9,
    )


def _between_gaps(values: Values) -> Any:
    """True where a value stands between two missing ones, so that no line shows it."""
    missing = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
    return ~missing[1:-1] & missing[:-2] & missing[2:]


def _line_and_bands(
    forecast: Forecast, coverages: Sequence[float]
) -> tuple[Any, dict[float, tuple[Any, Any]]]:
    """The median (or mean) [panels, horizon], and the edges of each band."""
    for coverage in coverages:
        if not 0 < coverage < 1:
            raise InputError(f"coverages must be shares between 0 and 1, got {coverage}")
    if forecast.samples is None:
        return _panels(forecast.mean), {}
    levels = [0.5] + [0.5 + side * coverage / 2 for coverage in coverages for side in (-1, 1)]
    quantiles = [_panels(values) for values in forecast.quantile(levels)]
    return quantiles[0], {c: (quantiles[2 * i + 1], quantiles[2 * i + 2]) for i, c in enumerate(coverages)}


def _panels(values: Any) -> Float[np.ndarray, "panels steps"]:
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    return array.reshape(-1, array.shape[-1]).astype(np.float64)


def _rows(name: str, values: Any, rows: tuple[int, int], steps: int | None = None) -> Any:
    """Values as [panels, steps], checked against the number of panels."""
    if values is None:
        return None
    array = _panels(values)
    if len(array) != rows[0] * rows[1] or steps not in (None, array.shape[1]):
        expected = f"[batch, variates, {'time' if steps is None else steps}] with batch, variates = {rows}"
        raise InputError(f"{name} must be {expected} like the forecast, got shape {tuple(np.shape(values))}")
    return array


def _stamps(name: str, stamps: Any, default: Any, count: int) -> Any:
    if stamps is None:
        return default
    array = np.asarray(stamps)
    if array.shape != (count,):
        raise InputError(f"{name} must hold one stamp per step, {count} of them, got shape {array.shape}")
    return array


def _default_names(batch: int, variates: int) -> list[str]:
    if batch == 1:
        return [f"variate {v}" for v in range(variates)]
    return [f"series {b}, variate {v}" for b in range(batch) for v in range(variates)]
