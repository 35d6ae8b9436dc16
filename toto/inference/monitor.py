"""Watching forecasts in production: how long they take, how wide and how wrong they are."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from toto.data.table import is_frame
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.compilation import num_compilations
from toto.inference.monitor_actuals import Scores, WaitingForecast, read_actuals
from toto.inference.monitor_report import UNITS, MonitorReport, MonitorThresholds, Totals
from toto.inference.monitor_windows import Coverage, Quantity
from toto.inference.pipeline_forecast import PipelineForecast

if TYPE_CHECKING:
    from toto.inference.pipeline import TotoPipeline
    from toto.inference.plot import Figure
    from toto.inference.prometheus import MonitorCollector

log = logging.getLogger(__name__)

_DEFAULTS = MonitorThresholds()


class ForecastMonitor:
    """Records forecasts and what then happened, and warns where they change. Threads may share it.

    Latency is in seconds. Spread and error are in *naive errors* of each series, the mean step from one value
    of its history to the next, so that series of any units can be averaged. A warning is logged when a
    threshold is crossed, and a note when it no longer is.

    Args:
        interval: share of values that the central interval, whose width is the spread, should hold.
        window: statistics are of so many last forecasts (for errors: arrivals of actual values).
        thresholds: what to warn of.
        baseline: means that drift is measured from, by name: "latency", "spread" or "error", say from a
            replay of the past. What is not given is the mean of the first window.
        history: values of each quantity that are kept for `plot`.
        max_waiting: steps of forecasts that may wait for their actual values, 33 bytes each; beyond that the
            oldest forecasts are given up.
        clock: tells the seconds since 1970 at which something is recorded; of a replay, those of the data.

    Raises:
        InputError: an argument that breaks a rule.
    """

    def __init__(
        self,
        *,
        interval: float = 0.8,
        window: int = 200,
        thresholds: MonitorThresholds = _DEFAULTS,
        baseline: Mapping[str, float] | None = None,
        history: int = 5000,
        max_waiting: int = 2_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not 0 < interval < 1:
            raise InputError(f"interval must be a share between 0 and 1, got {interval!r}")
        known = dict(baseline or {})
        if set(known) - set(UNITS) or not all(value > 0 for value in known.values()):
            raise InputError(f"baseline must map any of {', '.join(UNITS)} to means above 0, got {known}")
        self.interval = interval
        self.thresholds = thresholds
        sizes = count("window", window), count("history", history)
        self._quantities = {name: Quantity(*sizes, known.get(name)) for name in UNITS}
        self._coverage = Coverage(*sizes)
        self._max_waiting = count("max_waiting", max_waiting)
        self._clock = clock
        self._waiting: dict[int, WaitingForecast] = {}
        self._totals = Totals()
        self._crossed: tuple[str, ...] = ()
        self._compiled_before = num_compilations()
        self._lock = threading.RLock()

    def forecast(self, pipeline: "TotoPipeline", data: Any, horizon: Any, **options: Any) -> PipelineForecast:
        """`pipeline.forecast(data, horizon, **options)`, timed and recorded."""
        start = time.perf_counter()
        forecast = pipeline.forecast(data, horizon, **options)
        self.record(forecast, time.perf_counter() - start)
        return forecast

    def record(self, forecast: PipelineForecast, latency_seconds: float) -> int:
        """Record a forecast.

        Returns:
            Its ticket, for `record_actuals`.

        Raises:
            InputError: a latency below 0; or a forecast so large that it kept other quantiles alone.
        """
        if not latency_seconds >= 0:
            raise InputError(f"latency_seconds must be at least 0, got {latency_seconds!r}")
        waiting, now = WaitingForecast(forecast, self.interval), self._clock()
        spread = waiting.spread
        with self._lock:
            ticket = self._totals.num_forecasts
            self._totals = self._totals.with_forecast(len(forecast), latency_seconds)
            self._quantities["latency"].add(now, latency_seconds)
            if spread is not None:
                self._quantities["spread"].add(now, spread)
            self._waiting[ticket] = waiting
            self._make_room()
            self._warn()
        return ticket

    def record_actuals(self, actuals: Any, ticket: int | None = None) -> int:
        """Record what happened; it may come in parts, and late.

        Args:
            actuals: a frame with the columns of the data that was forecast; a row meets every forecast that
                waits for a value of that series at that time. Or, with a ticket, an array in the shape of
                that forecast's median, NaN where nothing has come yet.
            ticket: what `record` returned.

        Returns:
            How many steps of forecasts got their value, each once. A value that nothing waited for is counted
            as unmatched.

        Raises:
            InputError: a ticket of no waiting forecast, another shape or other columns.
        """
        with self._lock:
            scores = self._score_rows(actuals) if ticket is None else self._score_one(actuals, ticket)
            self._waiting = {ticket: one for ticket, one in self._waiting.items() if one.waiting.any()}
            if scores.num_values:
                self._add_scores(scores)
                self._warn()
        return scores.num_values

    def report(self) -> MonitorReport:
        """Statistics of the last window, and counts since the start."""
        with self._lock:
            report = MonitorReport(
                latency=self._quantities["latency"].statistics(),
                spread=self._quantities["spread"].statistics(),
                error=self._quantities["error"].statistics(),
                coverage=self._coverage.share(),
                interval=self.interval,
                num_compilations=num_compilations() - self._compiled_before,
                num_waiting=len(self._waiting),
                totals=self._totals,
            )
        return replace(report, crossed=tuple(report.crossings(self.thresholds)))

    def prometheus(self) -> str:
        """The report in the text format of Prometheus.

        Raises:
            MissingExtraError: prometheus_client is not installed.
        """
        from toto.inference.prometheus import prometheus_text

        return prometheus_text(self)

    def collector(self) -> "MonitorCollector":
        """For a registry of prometheus_client: `REGISTRY.register(monitor.collector())`.

        Raises:
            MissingExtraError: prometheus_client is not installed.
        """
        from toto.inference.prometheus import MonitorCollector

        return MonitorCollector(self)

    def plot(self, title: str | None = None) -> "Figure":
        """Draw latency, spread, error and coverage over time.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        from toto.inference.monitor_plot import plot_monitor

        with self._lock:
            histories = {name: quantity.history() for name, quantity in self._quantities.items()}
            histories["coverage"] = self._coverage.history()
            report = self.report()
        return plot_monitor(report, histories, title)

    def _make_room(self) -> None:
        """Give up the oldest forecasts while too many steps are kept."""
        size = sum(one.size for one in self._waiting.values())
        while size > self._max_waiting:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            size -= oldest.size
            if oldest.waiting.all() and not self._totals.num_dropped:
                log.warning(
                    "forecasts of more than %d steps wait, and of the oldest no actual value has come: they "
                    "are given up; record actuals, or raise max_waiting",
                    self._max_waiting,
                )
            self._totals = replace(self._totals, num_dropped=self._totals.num_dropped + 1)

    def _score_one(self, actuals: Any, ticket: int) -> Scores:
        if ticket not in self._waiting:
            raise InputError(f"ticket must be that of a forecast that still waits for values, got {ticket!r}")
        return self._waiting[ticket].score_all(actuals)

    def _score_rows(self, frame: Any) -> Scores:
        if not is_frame(frame):
            raise InputError(
                "actuals must be a data frame, or come with the ticket of their forecast; got "
                f"{type(frame).__name__} without one"
            )
        if not self._waiting:
            return Scores()
        actuals = read_actuals(frame, next(reversed(self._waiting.values())))
        scores, met = Scores(), np.isnan(actuals.values)
        for forecast in self._waiting.values():
            found, theirs = forecast.score(actuals)
            scores, met = scores.plus(found), met | theirs
        self._totals = replace(self._totals, num_unmatched=self._totals.num_unmatched + int((~met).sum()))
        return scores

    def _add_scores(self, scores: Scores) -> None:
        now = self._clock()
        self._totals = replace(self._totals, num_scored=self._totals.num_scored + scores.num_values)
        self._coverage.add(now, scores.num_inside, scores.num_values)
        if scores.num_scaled:
            self._quantities["error"].add(now, scores.total_error / scores.num_scaled)

    def _warn(self) -> None:
        """Log what has crossed its threshold since the last time, and what has come back."""
        report = self.report()
        for crossing in report.crossed:
            if crossing not in self._crossed:
                log.warning("%s\n%s", crossing, report)
        for crossing in self._crossed:
            if crossing not in report.crossed:
                log.info("no longer: %s", crossing)
        self._crossed = report.crossed
