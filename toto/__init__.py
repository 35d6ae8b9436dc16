"""Toto, a foundation model for multivariate time series: forecasts, distributions, anomalies.

The public names load when they are first used, so that `import toto` costs torch and little more.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toto.data.masked_timeseries import MaskedTimeseries
    from toto.errors import CheckpointError, ConfigError, InputError, MissingExtraError, TotoError
    from toto.inference.forecast import Forecast
    from toto.inference.forecaster import TotoForecaster
    from toto.inference.memory import MemoryEstimate, estimate_memory
    from toto.kernels import kernel_report
    from toto.model.config import TotoConfig
    from toto.model.toto import Toto

__version__ = "0.1.0"

_HOMES = {
    "CheckpointError": "toto.errors",
    "ConfigError": "toto.errors",
    "Forecast": "toto.inference.forecast",
    "InputError": "toto.errors",
    "MaskedTimeseries": "toto.data.masked_timeseries",
    "MemoryEstimate": "toto.inference.memory",
    "MissingExtraError": "toto.errors",
    "Toto": "toto.model.toto",
    "TotoConfig": "toto.model.config",
    "TotoError": "toto.errors",
    "TotoForecaster": "toto.inference.forecaster",
    "estimate_memory": "toto.inference.memory",
    "kernel_report": "toto.kernels",
}

__all__ = [
    "CheckpointError",
    "ConfigError",
    "Forecast",
    "InputError",
    "MaskedTimeseries",
    "MemoryEstimate",
    "MissingExtraError",
    "Toto",
    "TotoConfig",
    "TotoError",
    "TotoForecaster",
    "__version__",
    "estimate_memory",
    "kernel_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'toto' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
