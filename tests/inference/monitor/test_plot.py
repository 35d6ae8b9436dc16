import numpy as np
import pytest

from toto import ForecastMonitor, TotoPipeline
from toto.inference.monitor.plot import _running_mean

pytest.importorskip("matplotlib")


def test_every_quantity_has_a_panel_with_its_values_and_what_they_should_be(make_tiny, tmp_path):
    pipe = TotoPipeline(make_tiny().float())
    monitor = ForecastMonitor(window=2, baseline={"error": 3.0})
    found = pipe.forecast(np.sin(np.arange(50) / 3), 10, num_samples=2, seed=0)
    for seconds in (0.1, 0.2, 0.3):
        monitor.record_actuals(np.zeros(10), monitor.record(found, seconds))
    figure = monitor.plot("three forecasts")
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == [
        "latency (s)",
        "spread (naive errors)",
        "error (naive errors)",
        "coverage of the 80% interval",
    ]
    points, means, baseline = figure.axes[0].lines
    np.testing.assert_allclose(points.get_ydata(), [0.1, 0.2, 0.3])
    np.testing.assert_allclose(means.get_ydata(), [0.1, 0.15, 0.2])
    np.testing.assert_allclose(baseline.get_ydata(), 0.15)
    assert figure.axes[2].lines[2].get_ydata()[0] == 3.0
    assert figure.axes[3].lines[2].get_ydata()[0] == 0.8
    figure.savefig(tmp_path / "monitor.png")


def test_a_monitor_without_records_can_be_drawn(tmp_path):
    ForecastMonitor().plot().savefig(tmp_path / "empty.png")


def test_the_line_is_the_mean_of_the_last_20():
    values = np.random.default_rng(0).normal(size=50)
    expected = [values[max(0, end - 20) : end].mean() for end in range(1, 51)]
    np.testing.assert_allclose(_running_mean(values), expected)
