"""The metrics of a monitor, read by the parser of Prometheus's own client."""

import math
import sys

import numpy as np
import pytest

from toto import ForecastMonitor, MissingExtraError, TotoPipeline

parser = pytest.importorskip("prometheus_client.parser")


@pytest.fixture
def monitor(make_tiny):
    """A monitor of 25 forecasts whose actual values came."""
    pipe = TotoPipeline(make_tiny().float())
    data = np.sin(np.arange(60) / 3)
    found = pipe.forecast(data[:50], 10, num_samples=2, seed=0)
    monitor = ForecastMonitor(window=20)
    for place in range(25):
        monitor.record_actuals(data[50:], monitor.record(found, 0.02 * (1 + place)))
    return monitor


def samples(text):
    families = list(parser.text_string_to_metric_families(text))
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }
    return families, values


def test_the_parser_reads_what_the_report_says(monitor):
    _, values = samples(monitor.prometheus())
    report = monitor.report()
    assert values["toto_forecasts_total",] == values["toto_forecast_series_total",] == 25
    assert values["toto_actuals_scored_total",] == 250
    assert values["toto_forecasts_waiting",] == values["toto_forecasts_dropped_total",] == 0
    assert values["toto_interval_ratio",] == 0.8
    assert values["toto_coverage_ratio",] == pytest.approx(report.coverage)
    assert values["toto_thresholds_crossed",] == len(report.crossed)
    assert values["toto_forecast_error_naive_errors",] == pytest.approx(report.error.mean)
    assert values["toto_forecast_spread_naive_errors",] == pytest.approx(report.spread.mean)
    for name, statistics in report.quantities():
        assert values["toto_variation_ratio", name] == pytest.approx(statistics.cv)
        assert values["toto_drift_ratio", name] == pytest.approx(statistics.drift)


def test_latency_is_a_cumulative_histogram_in_seconds(monitor):
    families, values = samples(monitor.prometheus())
    (latency,) = [family for family in families if family.name == "toto_forecast_latency_seconds"]
    assert latency.type == "histogram"
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in latency.samples
        if sample.name.endswith("_bucket")
    }
    assert list(buckets.values()) == sorted(buckets.values())
    assert (buckets[0.1], buckets[0.25], buckets[math.inf]) == (5, 12, 25)
    assert values["toto_forecast_latency_seconds_count",] == 25
    assert values["toto_forecast_latency_seconds_sum",] == pytest.approx(0.02 * 25 * 26 / 2)


def test_every_metric_has_a_type_and_says_what_it_means(monitor):
    families, _ = samples(monitor.prometheus())
    for family in families:
        assert family.name.startswith("toto_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")


def test_a_monitor_without_records_exports_what_it_knows():
    _, values = samples(ForecastMonitor().prometheus())
    assert values["toto_forecasts_total",] == 0
    assert ("toto_coverage_ratio",) not in values


def test_a_registry_of_the_client_takes_the_collector(monitor):
    registry = pytest.importorskip("prometheus_client").CollectorRegistry()
    registry.register(monitor.collector())
    assert registry.get_sample_value("toto_forecasts_total") == 25


def test_without_the_client_the_command_that_installs_it_is_told(monitor, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    for export in (monitor.prometheus, monitor.collector):
        with pytest.raises(MissingExtraError, match=r"pip install 'toto-forecast\[monitor\]'"):
            export()
