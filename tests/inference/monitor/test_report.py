import pytest

from toto import InputError, MonitorThresholds
from toto.inference.monitor.report import LATENCY_BOUNDS, MonitorReport, Totals
from toto.inference.monitor.windows import Statistics

REPORT = MonitorReport(
    latency=Statistics(30, 0.25, 0.4, 0.2, 0.25),
    spread=Statistics(30, 3.0, 0.1, None, None),
    error=Statistics(30, 1.5, 2.0, 3.0, -0.5),
    coverage=0.55,
    interval=0.8,
    num_compilations=3,
    num_waiting=1,
    totals=Totals(num_forecasts=40, num_rows=80, num_scored=900),
)
OFF = {"latency_seconds": None, "variation": None, "drift": None, "coverage": None}


@pytest.mark.parametrize(
    ("thresholds", "crossings"),
    [
        ({}, []),
        ({"latency_seconds": 0.2}, ["latency above 0.2 s"]),
        ({"latency_seconds": 0.3}, []),
        ({"variation": 1.5}, ["variation of error above 1.5"]),
        ({"drift": 0.2}, ["drift of latency beyond 20%", "drift of error beyond 20%"]),
        ({"coverage": 0.2}, ["coverage off 80% by more than 20%"]),
        ({"coverage": 0.3}, []),
    ],
)
def test_what_is_beyond_a_threshold_is_told_in_words(thresholds, crossings):
    assert list(REPORT.crossings(MonitorThresholds(**OFF | thresholds))) == crossings


def test_a_monitor_without_records_crosses_nothing():
    empty = MonitorReport(None, None, None, None, 0.8, 0, 0, Totals())
    assert list(empty.crossings(MonitorThresholds(latency_seconds=0.1))) == []
    assert empty.healthy
    assert str(empty).endswith("0 forecasts of 0 series, 0 values scored, 0 compilations")


def test_a_report_is_a_table():
    assert str(REPORT).splitlines() == [
        "              mean  variation   drift",
        "latency       0.25       0.40    +25%  s",
        "spread           3       0.10          naive errors",
        "error          1.5       2.00    -50%  naive errors",
        "coverage     55.0%  of 80%",
        "40 forecasts of 80 series, 900 values scored, 3 compilations",
    ]


def test_latencies_are_counted_up_to_each_bound():
    totals = Totals()
    for seconds in (0.0, LATENCY_BOUNDS[0], 0.3, 1000.0):
        totals = totals.with_forecast(2, seconds)
    expected = dict.fromkeys(range(len(LATENCY_BOUNDS) + 1), 0) | {0: 2, 6: 1, len(LATENCY_BOUNDS): 1}
    assert totals.latency_counts == tuple(expected.values())
    assert totals.latency_seconds == pytest.approx(1000.3 + LATENCY_BOUNDS[0])
    assert (totals.num_forecasts, totals.num_rows) == (4, 8)


def test_thresholds_are_above_0():
    with pytest.raises(InputError, match=r"drift must be above 0 or None, got -0\.5"):
        MonitorThresholds(drift=-0.5)
