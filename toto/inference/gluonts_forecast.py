"""Forecasts as GluonTS holds them (extra `gluonts`), and the way back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from toto.errors import InputError, MissingExtraError
from toto.inference.forecast import Forecast

try:
    from gluonts.core.component import validated
    from gluonts.model.forecast import Quantile, SampleForecast
    from gluonts.model.forecast_generator import ForecastGenerator
    from pandas import Period
except ModuleNotFoundError as error:
    raise MissingExtraError("gluonts", "gluonts", "a GluonTS forecast") from error


class TotoSampleForecast(SampleForecast):
    """Sample paths of one item of a dataset, with quantiles as `toto.Forecast` has them.

    GluonTS takes the path nearest to a level; here quantiles are interpolated between paths, or come from the
    distribution of the forecast if that was kept. `to_quantile_forecast(["0.1", "0.5", "0.9"])` makes a
    `QuantileForecast` of them.

    Args:
        samples: paths [samples, horizon], or [samples, horizon, variates] where the target has variates.
        mean: [horizon] or [horizon, variates].
        start_date: the period of the first step.
        item_id, info: as in GluonTS.
    """

    @validated()
    def __init__(
        self,
        samples: Float[np.ndarray, "samples horizon *variates"],
        mean: Float[np.ndarray, " horizon *variates"],
        start_date: Period,
        item_id: str | None = None,
        info: dict | None = None,
    ) -> None:
        super().__init__(samples, start_date, item_id, info)
        self._mean = mean

    @classmethod
    def from_forecast(
        cls,
        forecast: Forecast,
        start_date: Period,
        item_id: str | None = None,
        *,
        univariate: bool | None = None,
    ) -> "TotoSampleForecast":
        """A forecast of one series as that of an item of a dataset; a mean path becomes one sample.

        Args:
            forecast: of batch size 1.
            start_date: the period of the first step of the forecast.
            item_id: name of the item.
            univariate: True for targets without a variate axis (None: if there is a single variate).

        Raises:
            InputError: a batch of several series, or several variates that are to be univariate.
        """
        forecast = forecast.cpu()
        batch, variates, _ = forecast.mean.shape
        if batch != 1:
            raise InputError(
                f"forecast must be of one series, got a batch of {batch}: "
                "take a series out of it with forecast.each(lambda t: t[i : i + 1])"
            )
        univariate = variates == 1 if univariate is None else univariate
        if univariate and variates != 1:
            raise InputError(f"univariate must be False for a forecast of {variates} variates, got True")
        paths = forecast.mean[..., None] if forecast.samples is None else forecast.samples
        samples, mean = paths[0].permute(2, 1, 0).numpy(), forecast.mean[0].T.numpy()
        if univariate:
            samples, mean = samples[..., 0], mean[..., 0]
        found = cls(samples, mean, start_date, item_id)
        found.forecast = forecast
        return found

    @cached_property
    def forecast(self) -> Forecast:
        """The same as a `toto.Forecast` of batch size 1."""
        samples, mean = (torch.from_numpy(np.ascontiguousarray(v)) for v in (self.samples, self._mean))
        if samples.ndim == 2:
            samples, mean = samples[..., None], mean[..., None]
        return Forecast(mean.T[None], samples.permute(2, 1, 0)[None])

    def quantile(self, q: float | int | str) -> Float[np.ndarray, " horizon *variates"]:
        """A quantile of every step, [horizon] or [horizon, variates]; see `Forecast.quantile`.

        Args:
            q: a level as a number or as GluonTS writes it: "0.9" or "p90".

        Raises:
            InputError: no level from 0 to 1.
        """
        level = _level(q)
        if self.forecast.samples is None:
            return self.mean
        steps = self.forecast.quantile(level)[0].T.numpy()
        return steps[:, 0] if self.samples.ndim == 2 else steps

    def copy_dim(self, dim: int) -> "TotoSampleForecast":
        """The forecast of one variate; its quantiles are those of its paths."""
        if self.samples.ndim == 2:
            return self
        return self._like(self.samples[..., dim], self.mean[..., dim])

    def copy_aggregate(self, agg_fun: Callable[..., Any]) -> "TotoSampleForecast":
        """The forecast of `agg_fun(values, axis)` over the variates, path by path."""
        if self.samples.ndim == 2:
            return self
        samples = agg_fun(self.samples, axis=2)
        return self._like(samples, samples.mean(axis=0))

    def _like(self, samples: np.ndarray, mean: np.ndarray) -> "TotoSampleForecast":
        return TotoSampleForecast(samples, mean, self.start_date, self.item_id, self.info)


def _level(q: Any) -> float:
    try:
        return Quantile.parse(q if isinstance(q, (str, Quantile)) else float(q)).value
    except (AssertionError, TypeError, ValueError) as error:
        raise InputError(
            f'q must be a level from 0 to 1, as a number or like "0.9" or "p90", got {q!r}'
        ) from error


class TotoSampleForecastGenerator(ForecastGenerator):
    """Batches of items in, a `TotoSampleForecast` for each item out, in the order of the items."""

    def __call__(
        self,
        inference_data_loader: Iterable[dict[str, Any]],
        prediction_net: Callable[..., Sequence[Forecast]],
        input_names: Sequence[str],
        output_transform: None = None,
        num_samples: int | None = None,
        **kwargs: Any,
    ) -> Iterator[TotoSampleForecast]:
        """Forecast batch by batch, as the forecasts are asked for.

        Args:
            inference_data_loader: batches, with an entry for each item under every name: the inputs,
                "forecast_start" and, if there are any, "item_id" and "univariate".
            prediction_net: called with the inputs of a batch; gives the forecast of each of its items.
            input_names: which entries of a batch are inputs.
            output_transform, num_samples, kwargs: of the interface of GluonTS; not used, as
                `prediction_net` gives complete forecasts.
        """
        for batch in inference_data_loader:
            forecasts = prediction_net(**{name: batch[name] for name in input_names})
            nothing = [None] * len(forecasts)
            ids, univariate = (batch.get(name, nothing) for name in ("item_id", "univariate"))
            for forecast, start, item_id, flat in zip(
                forecasts, batch["forecast_start"], ids, univariate, strict=True
            ):
                yield TotoSampleForecast.from_forecast(forecast, start, item_id, univariate=flat)
