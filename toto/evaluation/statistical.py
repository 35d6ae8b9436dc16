"""AutoETS and AutoARIMA, fitted to every history by statsforecast (extra `baselines`)."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float

from toto.errors import InputError, MissingExtraError
from toto.evaluation.forecaster import Target
from toto.evaluation.metrics import AnyQuantiles, Quantiles
from toto.evaluation.record import Settings
from toto.evaluation.task import AnySeries, Series, usable_seasonality

STATISTICAL = {"auto-ets": "AutoETS", "auto-arima": "AutoARIMA"}


class Statistical:
    """A model of statsforecast, fitted anew to the history of every variate.

    Missing values are interpolated linearly, as these models take none.

    Args:
        settings: `settings.model` is a name out of `STATISTICAL`.

    Raises:
        MissingExtraError: statsforecast is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        try:
            self._models = import_module("statsforecast.models")
        except ImportError:
            raise MissingExtraError("statsforecast", "baselines", f"the baseline {settings.model}") from None

    def quantiles(
        self, histories: Sequence[AnySeries], target: Target, ids: Sequence[int]
    ) -> list[AnyQuantiles]:
        """See `Forecaster`.

        Raises:
            InputError: a history that the model cannot be fitted to.
        """
        return [self._one_series(history, target) for history in histories]

    def _one_series(self, history: Series, target: Target) -> Quantiles:
        season = usable_seasonality(history, target.seasonality)
        return np.stack([self._one(values, season, target) for values in history], axis=1)

    def _one(
        self, history: Float[np.ndarray, " time"], season: int, target: Target
    ) -> Float[np.ndarray, "levels horizon"]:
        widths = [round(abs(200 * level - 100), 6) for level in target.levels]  # of intervals, in percent
        model: Any = getattr(self._models, STATISTICAL[self.settings.model])(season_length=season)
        try:
            found = model.forecast(y=_complete(history), h=target.horizon, level=sorted(set(widths)))
        except Exception as error:  # whatever its numerics run into
            raise InputError(
                f"{self.settings.model} cannot be fitted to a history of {len(history)} steps: {error}"
            ) from error
        sides = ["lo" if level < 0.5 else "hi" for level in target.levels]
        names = [f"{side}-{width}" for side, width in zip(sides, widths, strict=True)]
        return np.stack([np.asarray(found[name]) for name in names])


def _complete(history: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """The history with missing values interpolated between known ones; 0 where none is known."""
    known = np.isfinite(history)
    if not known.any():
        return np.zeros_like(history)
    steps = np.arange(len(history))
    return np.interp(steps, steps[known], history[known])
