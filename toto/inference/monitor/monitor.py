"""Watching forecasts in production: how long they take, how wide and how wrong they are."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, SupportsIndex

from toto.data.aggregates import check_aggregate
from toto.data.table import is_frame
from toto.errors import InputError
from toto.inference.arguments import count, flag, whole_number
from toto.inference.compilation import num_compilations
from toto.inference.models import draws_paths
from toto.inference.monitor.actuals import Scores, WaitingForecast, interval_ends
from toto.inference.monitor.reading import Columns, count_numbers, num_unmet, read_for_all
from toto.inference.monitor.report import UNITS, MonitorReport, MonitorThresholds, Totals, is_number
from toto.inference.monitor.windows import Coverage, Quantity
from toto.inference.pipeline.arguments import DECILES
from toto.inference.pipeline.forecast import PipelineForecast, checked_levels
from toto.inference.pipeline.rows import TAILS
from toto.inference.quantile_forecast import check_levels
from toto.model2.toto2 import LEVELS

if TYPE_CHECKING:
    from toto.inference.monitor.prometheus import MonitorCollector
    from toto.inference.pipeline import TotoPipeline
    from toto.inference.plot import Figure

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
            oldest forecasts are given up, but never the newest.
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
        if not is_number(interval) or not 0 < interval < 1:
            raise InputError(f"interval must be a share between 0 and 1, got {interval!r}")
        known = {} if baseline is None else baseline
        if not isinstance(known, Mapping) or not all(
            name in UNITS and is_number(value) and 0 < value < math.inf for name, value in known.items()
        ):
            raise InputError(f"baseline must map any of {', '.join(UNITS)} to means above 0, got {known!r}")
        self.interval = float(interval)
        self.thresholds = thresholds
        sizes = count("window", window), count("history", history)
        self._quantities = {name: Quantity(*sizes, known.get(name)) for name in UNITS}
        self._coverage = Coverage(*sizes)
        self._max_waiting = count("max_waiting", max_waiting)
        self._clock = clock
        self._waiting: dict[int, WaitingForecast] = {}
        self._last_columns: Columns | None = None
        self._totals = Totals()
        self._crossed: tuple[str, ...] = ()
        self._compiled_before = num_compilations()
        self._lock = threading.RLock()

    def forecast(self, pipeline: "TotoPipeline", data: Any, horizon: Any, **options: Any) -> PipelineForecast:
        """`pipeline.forecast(data, horizon, **options)`, timed and recorded.

        Raises:
            InputError: that of `pipeline.forecast`, or an interval that the model does not predict.
        """
        if not draws_paths(pipeline.model) and options.get("tails", "error") == "error":
            check_levels(f"the ends of the interval {self.interval:g}", self._ends, LEVELS, TAILS)
        wanted = checked_levels("quantile_levels", options.pop("quantile_levels", DECILES))
        levels = (*wanted, 0.5, *self._ends)  # large forecasts keep these alone
        start = time.perf_counter()
        forecast = pipeline.forecast(data, horizon, quantile_levels=levels, **options)
        self.record(forecast, time.perf_counter() - start)
        return replace(forecast, levels=tuple(sorted(set(wanted))))

    def record(self, forecast: PipelineForecast, latency_seconds: float) -> int:
        """Record a forecast.

        Returns:
            Its ticket, for `record_actuals`.

        Raises:
            InputError: no forecast of a pipeline, a latency that is no number of at least 0; or a forecast
                that does not have the interval, such as one so large that it kept other quantiles alone:
                `forecast` asks for those that are needed.
        """
        if not isinstance(forecast, PipelineForecast):
            raise InputError(f"forecast must be that of a pipeline, got {type(forecast).__name__}")
        if not is_number(latency_seconds) or not 0 <= latency_seconds < math.inf:
            raise InputError(f"latency_seconds must be a number of at least 0, got {latency_seconds!r}")
        waiting, now = WaitingForecast(forecast, self.interval), self._clock()
        spread = waiting.spread
        with self._lock:
            ticket = self._totals.num_forecasts
            self._totals = self._totals.with_forecast(len(forecast), latency_seconds)
            self._quantities["latency"].add(now, latency_seconds)
            if spread is not None:
                self._quantities["spread"].add(now, spread)
            self._waiting[ticket], self._last_columns = waiting, waiting.columns
            self._make_room()
            self._warn()
        return ticket

    def record_actuals(
        self,
        actuals: Any,
        ticket: SupportsIndex | None = None,
        *,
        aggregate: str | None = None,
        day_first: bool | None = None,
    ) -> int:
        """Record what happened; it may come in parts, and late.

        Args:
            actuals: a frame with the columns of the data that was forecast; a row meets every forecast that
                waits for a value of that series at that time. Or, with a ticket, an array in the shape of
                that forecast's median, NaN where nothing has come yet.
            ticket: what `record` returned.
            aggregate, day_first: of a frame, as in `TotoPipeline.forecast` (None: as the data of each
                forecast were read); all rows of a step that are to be one value come in one frame.

        Returns:
            How many steps of forecasts got their value, each once. A value that nothing waited for is counted
            as unmatched.

        Raises:
            InputError: a ticket of no waiting forecast, another shape, columns of none of them, several rows
                for one step, or a time zone where the forecast has none. Then nothing is recorded.
        """
        check_aggregate(aggregate)
        dates = None if day_first is None else flag("day_first", day_first)
        with self._lock:
            if ticket is None:
                scores = self._score_rows(actuals, aggregate, dates)
            else:
                scores = self._score_one(actuals, ticket)
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
        from toto.inference.monitor.prometheus import prometheus_text

        return prometheus_text(self)

    def collector(self) -> "MonitorCollector":
        """For a registry of prometheus_client: `REGISTRY.register(monitor.collector())`.

        Raises:
            MissingExtraError: prometheus_client is not installed.
        """
        from toto.inference.monitor.prometheus import MonitorCollector

        return MonitorCollector(self)

    def plot(self, title: str | None = None) -> "Figure":
        """Draw latency, spread, error and coverage over time.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        from toto.inference.monitor.plot import plot_monitor

        with self._lock:
            histories = {name: quantity.history() for name, quantity in self._quantities.items()}
            histories["coverage"] = self._coverage.history()
            report = self.report()
        return plot_monitor(report, histories, title)

    def _make_room(self) -> None:
        """Give up the oldest forecasts while too many steps are kept; the newest always stays."""
        size = sum(one.size for one in self._waiting.values())
        while size > self._max_waiting and len(self._waiting) > 1:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            size -= oldest.size
            if oldest.waiting.all() and not self._totals.num_dropped:
                log.warning(
                    "forecasts of more than %d steps wait, and of the oldest no actual value has come: they "
                    "are given up; record actuals, or raise max_waiting",
                    self._max_waiting,
                )
            self._totals = replace(self._totals, num_dropped=self._totals.num_dropped + 1)

    @property
    def _ends(self) -> tuple[float, float]:
        return interval_ends(self.interval)

    def _score_one(self, actuals: Any, ticket: Any) -> Scores:
        number = whole_number(ticket)
        if number not in self._waiting:
            raise InputError(f"ticket must be that of a forecast that still waits for values, got {ticket!r}")
        return self._waiting[number].score_all(actuals)

    def _score_rows(self, frame: Any, aggregate: str | None, day_first: bool | None) -> Scores:
        if not is_frame(frame):
            raise InputError(
                "actuals must be a data frame, or come with the ticket of their forecast; got "
                f"{type(frame).__name__} without one"
            )
        if self._last_columns is None:
            self._count_unmatched(count_numbers(frame))
            return Scores()
        waiting = list(reversed(self._waiting.values()))
        kinds = dict.fromkeys([one.columns for one in waiting] or [self._last_columns])
        readings = read_for_all(frame, kinds, day_first)
        placed = [
            (one, *one.place(readings[one.columns], aggregate)) for one in waiting if one.columns in readings
        ]  # of all, before the first is scored: an error leaves everything as it was
        scores, unmet = Scores(), {columns: one.known for columns, one in readings.items()}
        for forecast, theirs, found in placed:
            scores = scores.plus(forecast.score(theirs))
            unmet[forecast.columns][found] = False
        self._count_unmatched(num_unmet((one, unmet[columns]) for columns, one in readings.items()))
        return scores

    def _count_unmatched(self, number: int) -> None:
        self._totals = replace(self._totals, num_unmatched=self._totals.num_unmatched + number)

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
