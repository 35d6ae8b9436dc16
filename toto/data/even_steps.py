"""The even steps that time stamps lie on, or nearest to where they jitter."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

_FIRST = 32  # stamps whose jitter averages out well enough to tell the steps by their phases
_MICROSECONDS = (86_400e6, 3600e6, 60e6, 1e6, 1e3, 1.0)  # days, hours, ..., milliseconds


def fit_even_steps(stamps: Shaped[np.ndarray, " steps"]) -> tuple[Any, Any]:
    """A stamp of the even steps near the first one, and the length of a step.

    Of ascending stamps, two different ones or more, the step is their most common interval, if half of them
    lie on such steps; or their shortest one, if all of them do and leave no more than half of the steps free.
    Otherwise the stamps jitter, and the steps are those of least squares, in a round unit where the stamps
    cannot tell the difference.
    """
    step = most_common_interval(stamps)
    shortest = np.diff(stamps).min()
    if shortest > shortest.dtype.type(0) and _steps_away(stamps, shortest)[-1] < 2 * len(stamps):
        start, share = _most_common_phase(stamps, shortest)
        if share == 1:
            return start, shortest if stamps.dtype.kind == "M" else _without_noise(shortest)
    start, share = _most_common_phase(stamps, step)
    return (start, step) if share >= 0.5 else _least_squares(stamps)


def most_common_interval(stamps: Shaped[np.ndarray, " steps"]) -> Any:
    """The most common interval between neighbours, the shortest of several; float noise is rounded away.

    What is noise beside the others is no interval: of 0, 1e-9 and 1 the interval is 1.
    """
    exact = intervals = np.diff(stamps)
    if intervals.dtype.kind == "f":
        intervals = np.round(intervals, digits(float(np.median(intervals))))
    found, counts = np.unique(intervals[intervals > intervals.dtype.type(0)], return_counts=True)
    return found[np.argmax(counts)] if len(found) else exact.min()


def digits(step: float) -> int:
    """Decimals that tell millionths of a step apart: what lies beyond is rounding noise."""
    return 6 - int(np.floor(np.log10(step)))


def _without_noise(step: Any) -> Any:
    return np.round(step, digits(float(step)))


def _steps_away(stamps: Shaped[np.ndarray, " steps"], step: Any) -> Float[np.ndarray, " steps"]:
    """How many steps each stamp lies behind the first."""
    return (stamps - stamps[0]) / step


def _most_common_phase(stamps: Shaped[np.ndarray, " steps"], step: Any) -> tuple[Any, float]:
    """The start of the steps that most stamps lie on, and their share; a thousandth of a step is noise."""
    away = _steps_away(stamps, step)
    phases = np.round(away - np.rint(away), 3)
    _, first, counts = np.unique(phases, return_index=True, return_counts=True)
    most = np.argmax(counts)
    place = first[most]
    start = stamps[place] - step * np.rint(away[place]).astype(np.int64)
    return start, counts[most] / len(stamps)


def _least_squares(stamps: Shaped[np.ndarray, " steps"]) -> tuple[Any, Any]:
    """Steps nearest to stamps that jitter, in round units where that is as near."""
    dates = stamps.dtype.kind == "M"
    since = (stamps - stamps[0]) / np.timedelta64(1, "us") if dates else (stamps - stamps[0]).astype(float)
    start, step = _most_coherent(since[:_FIRST], np.median(np.diff(since)[np.diff(since) > 0]))
    known = _FIRST
    while known < 2 * len(since):  # the steps of the stamps so far are sure enough to place as many again
        steps = np.rint((since[:known] - start) / step)
        step, start = np.polyfit(steps, since[:known], 1)
        known *= 2
    steps = np.rint((since - start) / step)
    jitter = np.abs(since - start - step * steps).max()
    # six standard errors, and half a millionth of a step for rounding
    uncertain = 6 * jitter / (steps[-1] * len(steps) ** 0.5) + 5e-7 * step
    step = _rounded(step, _units(step, dates), uncertain)
    start = (since - step * steps).mean()
    first = float(stamps[0].astype("M8[us]").astype(np.int64) if dates else stamps[0])
    start = _rounded(first + start, _units(step, dates), max(jitter, 1e-6 * step)) - first
    if dates:
        return (stamps[0] + np.timedelta64(round(start), "us"), np.timedelta64(max(1, round(step)), "us"))
    return stamps[0] + start, np.float64(step)


def _most_coherent(since: Float[np.ndarray, " steps"], interval: float) -> tuple[float, float]:
    """Start and length of the steps, within a quarter of the interval, whose phases agree best."""
    lengths = interval * np.linspace(0.75, 1.25, 4 * _FIRST + 1)
    coherence = np.exp(2j * np.pi * since / lengths[:, None]).mean(1)
    best = np.abs(coherence).argmax()
    return lengths[best] * np.angle(coherence[best]) / (2 * np.pi), lengths[best]


def _units(step: float, dates: bool) -> list[float]:
    """Round units of at most a step, the largest first."""
    decimals = int(np.floor(np.log10(step)))
    units = _MICROSECONDS if dates else [10.0**power for power in range(decimals, decimals - 6, -1)]
    return [unit for unit in units if unit <= step]


def _rounded(value: float, units: list[float], tolerance: float) -> float:
    """The value in the first of the units that changes it by no more than the tolerance."""
    near = (round(value / unit) * unit for unit in units)
    return next((rounded for rounded in near if abs(rounded - value) <= tolerance), value)
