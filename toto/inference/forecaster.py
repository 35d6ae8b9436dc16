"""Forecasts from a model: the mean path, or sample paths."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, SupportsIndex, overload

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference import many
from toto.inference.arguments import count, shown
from toto.inference.batch import Batch, known_values, warn_of_empty_variates, whole_ids
from toto.inference.call import Call
from toto.inference.context import prepare_context
from toto.inference.forecast import Forecast
from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.predict_distribution import predict_distribution
from toto.inference.progress import Progress
from toto.inference.request import Request
from toto.model.backbone import PredictiveDistribution, TotoBackbone
from toto.model.toto import Toto


class TotoForecaster:
    """Forecasts of one model.

    Args:
        model: a `Toto` or its `TotoBackbone`. It is used as it is; `forecast` switches dropout off
            while it runs.
    """

    def __init__(self, model: Any) -> None:
        # torch.compile wraps a model; forecasts call its parts, which only Toto.compile compiles
        backbone = getattr(model, "_orig_mod", model)
        if isinstance(backbone, Toto):
            backbone = getattr(backbone.model, "_orig_mod", backbone.model)
        if not isinstance(backbone, TotoBackbone):
            raise InputError(
                f"model must be a Toto or its backbone, got {shown(model)}: load one with "
                "Toto.from_pretrained; a Toto2Model is for Toto2Forecaster, and TotoPipeline takes both"
            )
        self.model = backbone

    # the arguments of both are those of the implementation
    @overload
    def forecast(
        self, inputs: MaskedTimeseries, prediction_length: SupportsIndex, *arguments: Any, **options: Any
    ) -> Forecast: ...

    @overload
    def forecast(
        self, inputs: Sequence[Any], prediction_length: SupportsIndex, *arguments: Any, **options: Any
    ) -> list[Forecast]: ...

    def forecast(
        self,
        inputs: Any,
        prediction_length: SupportsIndex,
        num_samples: SupportsIndex | None = None,
        samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
        use_kv_cache: bool = True,
        future_exogenous_variables: Any = None,
        *,
        seed: SupportsIndex | None = None,
        series_ids: Any = None,
        generator: torch.Generator | None = None,
        variance_reduction: bool = False,
        keep_distribution: bool = False,
        joint_draws: bool = False,
        progress: Progress | None = None,
    ) -> Forecast | list[Forecast]:
        """Forecast the next `prediction_length` steps of every variate.

        Args:
            inputs: the context, a `MaskedTimeseries` of one series or a batch; NaN is missing. Or a list
                of series of any lengths: [time] or [variates, time] each, in arrays, tensors or lists,
                or a `MaskedTimeseries`. They do not influence each other; similar ones are forecast
                together, which is faster than one by one and gives the same.
            prediction_length: steps to forecast.
            num_samples: sample paths to draw; None gives the mean path alone.
            samples_per_batch: paths decoded together at most; the result does not depend on it. "auto"
                takes as many as are faster together and fit in half of the free memory. Where memory
                runs out all the same, smaller parts are tried.
            use_kv_cache: False encodes everything anew at every patch; the same numbers, slowly.
            future_exogenous_variables: known values of the covariates, the last variates of
                `inputs`, [batch, covariates, horizon]; they come back in the forecast. For a list, a
                list with [covariates, horizon] or None for each series.
            seed: makes the paths repeatable; or `generator`, or else the global random state.
            series_ids: one whole number per batch element or series, a list or tensor, that takes part in
                its randomness (None: its place). A series keeps its paths in any batch if it keeps its id.
            variance_reduction: True makes the paths cover the distribution more evenly than independent
                ones: each has the same distribution as before, and means and quantiles over them are
                closer to those of very many paths. Best with powers of 2 as `num_samples`.
            keep_distribution: True keeps what the paths are drawn from as `Forecast.distribution`, and
                the forecast takes mean, median and quantiles from it: those of 25 to 40 paths are then as
                close as those of 256 drawn values, with reduced variance those of 12 to 32. It takes 16
                bytes for every component of every path at every step after the first patch.
            joint_draws: True draws the steps of a patch, and the variates that see each other, joined as the
                errors of the context were, for sums and extremes of paths; the distribution of a step given
                the patches before it stays. False draws each by itself, as the model does: sums are then
                spread far too little.
            progress: called as progress(done, total) after every decoded patch, with the patches of all
                paths of all series as total.

        Returns:
            The forecast; for a list one of batch size 1 for each series, in the same order.

        Raises:
            InputError: an argument that breaks a rule; the message names it.
        """
        request = Request.checked(
            prediction_length,
            num_samples,
            samples_per_batch,
            use_kv_cache,
            seed=seed,
            generator=generator,
            variance_reduction=variance_reduction,
            keep_distribution=keep_distribution,
            joint_draws=joint_draws,
        )
        as_list = many.is_list(inputs)
        make_batches = many.batches_of_one if as_list else _as_one_batch
        batches = make_batches(inputs, future_exogenous_variables, series_ids, self.model, request.horizon)
        warn_of_empty_variates(batches, "inputs[{}]" if as_list else "batch {}")
        call = Call(self.model, request, progress, sum(batch.num_series for batch in batches))
        with torch.no_grad(), dropout_off(self.model):
            forecast = many.forecast_each(call, batches) if as_list else call.forecast(batches[0])
        call.report_replaced()
        return forecast

    def predict_distribution(
        self,
        inputs: Any,
        prediction_length: SupportsIndex,
        num_paths: SupportsIndex = 64,
        *,
        seed: SupportsIndex | None = None,
        future_exogenous_variables: Any = None,
        series_ids: Any = None,
    ) -> ForecastDistribution | list[ForecastDistribution]:
        """The distribution of each of the next steps: densities, probabilities, quantiles, draws; in units.

        Up to the end of the first patch it is the model's own, exact, and nothing is drawn. Beyond, it is the
        mixture of the model's distributions given each of `num_paths` paths. The other arguments, what is
        returned for a list, and errors are those of `forecast`.
        """
        return predict_distribution(
            self,
            inputs,
            prediction_length,
            num_paths,
            seed=seed,
            future_exogenous_variables=future_exogenous_variables,
            series_ids=series_ids,
        )

    def warmup(
        self,
        context_length: SupportsIndex = 512,
        prediction_length: SupportsIndex | None = None,
        num_variates: SupportsIndex = 1,
        num_samples: SupportsIndex | None = 256,
    ) -> float:
        """Do now what only the first forecast does, and return the seconds that it took.

        That is: arrange weights as products want them, fold the heads, compile if `Toto.compile` asked for
        it, load libraries. A forecast of made-up series does it, and later ones of other sizes profit too.

        Args:
            context_length, num_variates: sizes of those series.
            prediction_length: steps to forecast; None: two patches, so that decoding is met as well.
            num_samples: sample paths; None for the mean path.

        Raises:
            InputError: a size that is no whole number of at least 1.
        """
        horizon = 2 * self.model.config.patch_size if prediction_length is None else prediction_length
        shape = count("num_variates", num_variates), count("context_length", context_length)
        series = torch.randn(shape, generator=torch.Generator().manual_seed(0)).cumsum(-1)
        start = time.perf_counter()
        self.forecast(MaskedTimeseries.from_array(series), horizon, num_samples, seed=0).cpu()
        return time.perf_counter() - start

    def generate_mean(
        self,
        inputs: Shaped[Tensor, "*batch variates time"],
        prediction_length: SupportsIndex,
        timestamp_seconds: Tensor | None = None,
        time_interval_seconds: Tensor | None = None,
        input_padding_mask: Tensor | None = None,
        id_mask: Tensor | None = None,
        use_kv_cache: bool = False,
        future_exogenous_variables: Tensor | None = None,
        num_exogenous_variables: int = 0,
    ) -> Float[Tensor, "batch variates horizon"]:
        """The mean path, from separate tensors as toto-ts takes them; see `forecast`."""
        series = _as_series(inputs, input_padding_mask, id_mask, num_exogenous_variables)
        return self.forecast(
            series,
            prediction_length,
            use_kv_cache=use_kv_cache,
            future_exogenous_variables=future_exogenous_variables,
        ).mean

    def generate_samples(
        self,
        inputs: Shaped[Tensor, "*batch variates time"],
        prediction_length: SupportsIndex,
        num_samples: SupportsIndex,
        timestamp_seconds: Tensor | None = None,
        time_interval_seconds: Tensor | None = None,
        input_padding_mask: Tensor | None = None,
        id_mask: Tensor | None = None,
        sampling_batch_size: SupportsIndex | Literal["auto"] = "auto",
        use_kv_cache: bool = False,
        future_exogenous_variables: Tensor | None = None,
        num_exogenous_variables: int = 0,
    ) -> Float[Tensor, "batch variates horizon samples"]:
        """Sample paths, from separate tensors as toto-ts takes them; see `forecast`."""
        series = _as_series(inputs, input_padding_mask, id_mask, num_exogenous_variables)
        forecast = self.forecast(
            series,
            prediction_length,
            num_samples,
            sampling_batch_size,
            use_kv_cache,
            future_exogenous_variables,
        )
        assert forecast.samples is not None
        return forecast.samples

    @staticmethod
    def create_affine_transformed(
        base_distr: PredictiveDistribution, loc: Tensor, scale: Tensor
    ) -> PredictiveDistribution:
        """The distribution of loc + scale * X for X of `base_distr`: from scaled space to units.

        `base_distr` is the distribution in a `TotoOutput`.
        """
        return base_distr.affine(loc, scale)


@contextmanager
def dropout_off(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, and back to its own; not for several threads in training mode."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _as_one_batch(
    inputs: Any, known_future: Any, series_ids: Any, model: TotoBackbone, horizon: int
) -> list[Batch]:
    """A series or a batch, checked, as the one batch of a call."""
    context = prepare_context(inputs, model)
    ids = whole_ids(series_ids, len(context.series), model.device)
    return [Batch(context, known_values(known_future, context, horizon), ids)]


def _as_series(
    inputs: Tensor, observed: Tensor | None, id_mask: Tensor | None, num_exogenous_variables: int
) -> MaskedTimeseries:
    series = MaskedTimeseries.from_array(inputs, observed, num_exogenous_variables=num_exogenous_variables)
    return series if id_mask is None else series._replace(id_mask=id_mask)
