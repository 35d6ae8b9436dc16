"""How forecasts fare in production: their spread, error, coverage and latency."""

from toto.inference.monitor.monitor import ForecastMonitor
from toto.inference.monitor.report import MonitorThresholds

__all__ = ["ForecastMonitor", "MonitorThresholds"]
