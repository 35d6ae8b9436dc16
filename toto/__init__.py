"""Toto, a foundation model for multivariate time series: forecasts, distributions, anomalies.

The public names load when they are first used, so that `import toto` costs torch and little more.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toto.data.masked_timeseries import MaskedTimeseries
    from toto.errors import CheckpointError, ConfigError, InputError, MissingExtraError, TotoError
    from toto.inference.compilation import RuntimeSettings
    from toto.inference.forecast import Forecast
    from toto.inference.forecaster import TotoForecaster
    from toto.inference.forecaster2 import Toto2Forecaster
    from toto.inference.memory import MemoryEstimate, estimate_memory
    from toto.inference.monitor import ForecastMonitor, MonitorThresholds
    from toto.inference.pipeline import PipelineForecast, TotoPipeline
    from toto.inference.quantile_forecast import QuantileForecast
    from toto.inference.warmup import ForecastShape, standard_warmup, thorough_warmup, warmup
    from toto.inference.warmup_check import verify_warmup_effectiveness
    from toto.kernels import kernel_report
    from toto.model.config import TotoConfig
    from toto.model.toto import Toto
    from toto.model2.config import Toto2Config
    from toto.model2.toto2 import Toto2Model

__version__ = "0.1.0"

_HOMES = {
    "CheckpointError": "toto.errors",
    "ConfigError": "toto.errors",
    "Forecast": "toto.inference.forecast",
    "ForecastMonitor": "toto.inference.monitor",
    "ForecastShape": "toto.inference.warmup",
    "InputError": "toto.errors",
    "MaskedTimeseries": "toto.data.masked_timeseries",
    "MemoryEstimate": "toto.inference.memory",
    "MissingExtraError": "toto.errors",
    "MonitorThresholds": "toto.inference.monitor",
    "PipelineForecast": "toto.inference.pipeline",
    "QuantileForecast": "toto.inference.quantile_forecast",
    "RuntimeSettings": "toto.inference.compilation",
    "Toto": "toto.model.toto",
    "Toto2Config": "toto.model2.config",
    "Toto2Forecaster": "toto.inference.forecaster2",
    "Toto2Model": "toto.model2.toto2",
    "TotoConfig": "toto.model.config",
    "TotoError": "toto.errors",
    "TotoForecaster": "toto.inference.forecaster",
    "TotoPipeline": "toto.inference.pipeline",
    "estimate_memory": "toto.inference.memory",
    "kernel_report": "toto.kernels",
    "standard_warmup": "toto.inference.warmup",
    "thorough_warmup": "toto.inference.warmup",
    "verify_warmup_effectiveness": "toto.inference.warmup_check",
    "warmup": "toto.inference.warmup",
}

__all__ = [
    "CheckpointError",
    "ConfigError",
    "Forecast",
    "ForecastMonitor",
    "ForecastShape",
    "InputError",
    "MaskedTimeseries",
    "MemoryEstimate",
    "MissingExtraError",
    "MonitorThresholds",
    "PipelineForecast",
    "QuantileForecast",
    "RuntimeSettings",
    "Toto",
    "Toto2Config",
    "Toto2Forecaster",
    "Toto2Model",
    "TotoConfig",
    "TotoError",
    "TotoForecaster",
    "TotoPipeline",
    "__version__",
    "estimate_memory",
    "kernel_report",
    "standard_warmup",
    "thorough_warmup",
    "verify_warmup_effectiveness",
    "warmup",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'toto' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
