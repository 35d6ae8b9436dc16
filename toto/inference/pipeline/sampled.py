"""Forecasts of many series by a model that draws paths, batch by batch."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from toto.data.regular_series import RegularSeries
from toto.inference.forecast import Forecast
from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.forecaster import TotoForecaster
from toto.inference.pipeline.batches import Batches, SeriesBatch
from toto.inference.pipeline.inputs import Inputs
from toto.inference.pipeline.rows import Part, SampledRows
from toto.inference.pipeline.settings import ForecastSettings
from toto.inference.progress import Progress
from toto.model.distribution import MixtureOfStudentTs

_BYTES_KEPT = 2**28  # of distributions, for quantiles that are asked for later


def sampled_rows(
    forecaster: TotoForecaster, inputs: Inputs, settings: ForecastSettings, progress: Progress | None
) -> SampledRows:
    """Paths and distributions of every row of every series.

    The distributions are kept while they take little; else the quantiles at `settings.levels` and the median.
    """
    series = inputs.series
    batches = _batches(forecaster, settings)
    result = _Result(series, settings, batches.numbers_of_a_variate)
    for batch, forecast in forecasts_of_batches(forecaster, inputs, settings, progress):
        result.put(batch, forecast)
    return result.rows


def forecasts_of_batches(
    forecaster: TotoForecaster, inputs: Inputs, settings: ForecastSettings, progress: Progress | None = None
) -> Iterator[tuple[SeriesBatch, Forecast]]:
    """The forecast of every batch of series, with the distribution and all variates that the model saw."""
    num_done, patches = 0, settings.num_samples * -(-settings.horizon // forecaster.model.config.patch_size)
    for batch in _batches(forecaster, settings).of(inputs.series):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*hold no real value")  # it numbers what is named elsewhere
            forecast = forecaster.forecast(
                batch.inputs,
                settings.horizon,
                settings.num_samples,
                seed=settings.seed,
                series_ids=[inputs.numbers[place] for place in batch.places],
                variance_reduction=True,
                keep_distribution=True,
                joint_draws=settings.joint_draws,
                future_exogenous_variables=batch.known_future,
                progress=_counted_from(num_done * patches, len(inputs.series) * patches, progress),
            )
        yield batch, forecast
        num_done += len(batch.places)


def _batches(forecaster: TotoForecaster, settings: ForecastSettings) -> Batches:
    config, interpolate = forecaster.model.config, fills_gaps(forecaster, settings.missing)
    labelled = forecaster.model.num_prepended_tokens > 0
    return Batches(config, settings.context, settings.horizon, settings.num_samples, interpolate, labelled)


def fills_gaps(forecaster: TotoForecaster, missing: str) -> bool:
    """Whether gaps are interpolated before the model sees them: with "auto" if it reads them as 0."""
    reads_zeros = forecaster.model.config.missing_values == "zero"
    return missing == "interpolate" or (missing == "auto" and reads_zeros)


class _Result:
    """The rows of all series, filled batch by batch."""

    def __init__(
        self, series: Sequence[RegularSeries], settings: ForecastSettings, numbers_of_a_row: int
    ) -> None:
        counts = [len(one.variates) for one in series]
        self._first = np.cumsum([0, *counts])
        num_rows = int(self._first[-1])
        dtype = torch.from_numpy(np.empty(0, np.result_type(*{one.values.dtype for one in series}))).dtype
        mean = torch.empty(num_rows, settings.horizon, dtype=dtype)
        kept = num_rows * numbers_of_a_row * mean.element_size() <= _BYTES_KEPT
        levels = [] if kept else sorted({0.5, *settings.levels})
        samples = mean.new_empty(*mean.shape, settings.num_samples) if settings.keep_samples else None
        self.rows = SampledRows(
            mean,
            samples,
            {level: torch.empty_like(mean) for level in levels},
            [] if kept else None,
            settings.joint_draws,
        )

    def put(self, batch: SeriesBatch, forecast: Forecast) -> None:
        """Keep the forecast of the targets of a batch."""
        rows, flat = self.rows, _flat_rows(batch.num_targets)
        assert forecast.samples is not None
        assert forecast.distribution is not None
        first = torch.as_tensor(self._first[batch.places])
        places = (first[:, None] + torch.arange(batch.num_targets)).flatten()
        rows.means[places] = flat(forecast.mean).to(rows.means)
        if rows.paths is not None:
            rows.paths[places] = flat(forecast.samples).to(rows.means)
        distribution = _alone(forecast.distribution, flat)
        if rows.quantiles:
            quantiles = distribution.quantile(list(rows.quantiles))
            for kept, found in zip(rows.quantiles.values(), quantiles, strict=True):
                kept[places] = found[:, 0]
        if rows.parts is not None:
            rows.parts.append(Part(places, distribution))


def _flat_rows(num_targets: int) -> Callable[[Tensor], Tensor]:
    """The targets of [batch, variates, ...] as rows, in main memory."""
    return lambda t: t[:, :num_targets].flatten(0, 1).cpu()


def _alone(distribution: ForecastDistribution, flat: Callable[[Tensor], Tensor]) -> ForecastDistribution:
    """The distribution of rows, [rows, 1, horizon]; of known covariates nothing is left."""

    def row(values: Tensor) -> Tensor:
        return flat(values)[:, None]

    mixtures = [
        MixtureOfStudentTs(row(m.df), row(m.loc), row(m.scale), row(m.logits)) for m in distribution.mixtures
    ]
    loc, scale = row(distribution.loc), row(distribution.scale)
    nothing = distribution.known.new_empty(len(loc), 0, distribution.known.shape[-1]).cpu()
    return ForecastDistribution(tuple(mixtures), loc, scale, nothing)


def _counted_from(done_before: int, total: int, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(done_before + done, total)
