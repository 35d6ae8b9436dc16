"""A monitor as metrics of Prometheus; prometheus_client is loaded here."""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from toto.errors import MissingExtraError
from toto.inference.monitor.report import LATENCY_BOUNDS, MonitorReport

if TYPE_CHECKING:
    from toto.inference.monitor.monitor import ForecastMonitor


def prometheus_text(monitor: "ForecastMonitor") -> str:
    """The metrics of a monitor in the text format."""
    registry = _client("registry").CollectorRegistry()
    registry.register(MonitorCollector(monitor))
    return _client("exposition").generate_latest(registry).decode()


class MonitorCollector:
    """What a registry of prometheus_client asks for the metrics of a monitor."""

    def __init__(self, monitor: "ForecastMonitor") -> None:
        self._monitor = monitor
        self._families = _client("metrics_core")

    def collect(self) -> Iterator[Any]:
        """All metrics, as of now."""
        report = self._monitor.report()
        yield from self._counters(report)
        yield self._latency(report)
        yield from self._gauges(report)

    def _counters(self, report: MonitorReport) -> Iterator[Any]:
        totals = report.totals
        for name, value, meaning in (
            ("forecasts", totals.num_forecasts, "Calls that were recorded."),
            ("forecast_series", totals.num_rows, "Series that were forecast, over all calls."),
            ("actuals_scored", totals.num_scored, "Actual values that met a forecast of them."),
            ("actuals_unmatched", totals.num_unmatched, "Actual values that no forecast waited for."),
            ("forecasts_dropped", totals.num_dropped, "Forecasts given up before all actual values came."),
            ("compilations", report.num_compilations, "Graphs compiled by torch.compile."),
        ):
            yield self._families.CounterMetricFamily(f"toto_{name}", meaning, value=value)

    def _latency(self, report: MonitorReport) -> Any:
        totals, cumulative, buckets = report.totals, 0, []
        for bound, number in zip((*LATENCY_BOUNDS, "+Inf"), totals.latency_counts, strict=True):
            cumulative += number
            buckets.append((str(bound), cumulative))
        return self._families.HistogramMetricFamily(
            "toto_forecast_latency_seconds",
            "How long a forecast took.",
            buckets=buckets,
            sum_value=totals.latency_seconds,
        )

    def _gauges(self, report: MonitorReport) -> Iterator[Any]:
        gauge = self._families.GaugeMetricFamily
        yield gauge("toto_forecasts_waiting", "Forecasts that wait for actual values.", report.num_waiting)
        yield gauge("toto_thresholds_crossed", "Thresholds that are crossed.", len(report.crossed))
        yield gauge(
            "toto_interval_ratio", "Share of actual values the interval should hold.", report.interval
        )
        if report.coverage is not None:
            meaning = "Share of actual values inside the interval, last window."
            yield gauge("toto_coverage_ratio", meaning, report.coverage)
        means = {"spread": "Width of the interval", "error": "Absolute error of the median"}
        for name, meaning in means.items():
            found = getattr(report, name)
            if found is not None:
                text = f"{meaning}, last window, in mean absolute steps of the history."
                yield gauge(f"toto_forecast_{name}_naive_errors", text, found.mean)
        variation = gauge(
            "toto_variation_ratio", "Standard deviation over mean, last window.", labels=["quantity"]
        )
        drift = gauge(
            "toto_drift_ratio", "Mean of the last window over baseline, less 1.", labels=["quantity"]
        )
        for name, found in report.quantities():
            for family, value in ((variation, found.cv), (drift, found.drift)):
                if value is not None:
                    family.add_metric([name], value)
        yield variation
        yield drift


def _client(module: str) -> Any:
    """A module of prometheus_client, or `MissingExtraError`."""
    try:
        return import_module(f"prometheus_client.{module}")
    except ImportError:
        raise MissingExtraError("prometheus_client", "monitor", "exporting metrics") from None
