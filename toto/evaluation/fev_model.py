"""Toto as a model of fev (extra `fev`): `TotoModel().fit_predict(task)`, and in fev's registry as "toto"."""

from typing import Any

import numpy as np

from toto.errors import MissingExtraError
from toto.evaluation.task import AnySeries
from toto.inference.forecaster2 import AS_PUBLISHED, Toto2Forecaster
from toto.inference.models import forecaster_of, load_model

try:
    from fev import ForecastingModel, Task
except ImportError:
    raise MissingExtraError("fev", "fev", "the model of fev") from None


class TotoModel(ForecastingModel):  # type: ignore[misc]
    """The targets of an item see each other; covariates are not read. `model` is a name or a checkpoint."""

    model_name = "toto"

    def __init__(self, model: str = "toto-nano", context: int = 4096, num_samples: int = 256, seed: int = 0):
        super().__init__()
        self.context, self.num_samples, self.seed = context, num_samples, seed
        self.forecaster = forecaster_of(load_model(model))

    def _fit_predict(self, task: Task) -> list[dict[str, list[dict[str, list[float]]]]]:
        columns, metric, predictions = task.target_columns, task.eval_metric, []
        squared = (metric if isinstance(metric, str) else metric["name"]) in ("MSE", "RMSE", "RMSSE")
        for window in task.iter_windows():
            rows: dict[str, list[dict[str, list[float]]]] = {name: [] for name in columns}
            past = window.get_input_data()[0]
            series = [np.array([x[name] for name in columns], float)[:, -self.context :] for x in past]
            with self._record_inference_time():
                found = self._forecast(series, task.horizon)
            for item in found:
                points = {str(level): item.quantile(level) for level in task.quantile_levels}
                points["predictions"] = item.mean if squared else item.median
                for place, name in enumerate(columns):
                    rows[name].append({key: values[0, place].tolist() for key, values in points.items()})
            predictions.append(rows)
        return predictions

    def _forecast(self, series: list[AnySeries], horizon: int) -> list[Any]:
        """Forecasts with `quantile`, `median` and `mean`; of models of quantiles with exponential tails."""
        if isinstance(self.forecaster, Toto2Forecaster):
            forecasts = self.forecaster.forecast(series, horizon, **AS_PUBLISHED)
            return [forecast.distribution for forecast in forecasts]
        return self.forecaster.forecast(series, horizon, self.num_samples, seed=self.seed)
