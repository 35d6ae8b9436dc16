"""What a model predicted of every step of a stretch of history, of either generation of models."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from toto.anomaly.teacher_forcing import predict_after_every_patch
from toto.inference.context import Context, prepare_context, whole_patches
from toto.inference.forecaster import TotoForecaster, dropout_off
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.models import forecaster_of
from toto.inference.quantile_distribution import QuantileDistribution
from toto.model.backbone import TotoOutput
from toto.model2.toto2 import LEVELS

Values = Float[Tensor, "rows variates patches steps"]
Judged = Float[Tensor, "fields rows variates patches steps"]


class Teacher(ABC):
    """A model that predicts what follows every patch of a history, given only what stands before it."""

    patch_size: int
    stride: int
    device: torch.device

    @abstractmethod
    def context(self, inputs: Any) -> Context:
        """A series as the model takes it."""

    @abstractmethod
    def judge(self, part: Context, values: Values, num_unused: int, coverage: float) -> Judged:
        """The computed fields of `Scores`, in their order, of the first variates of `values`.

        Args:
            part: stretches of history in whole patches.
            values: what followed each patch but the first `num_unused`, as many steps as are asked for.
            num_unused: patches that only give context.
            coverage: of the interval between `low` and `high`.
        """

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Without gradients, and as in forecasts."""
        with torch.no_grad():
            yield


def teacher_of(model: Any) -> Teacher:
    """The teacher in a model, a backbone or a forecaster."""
    forecaster = forecaster_of(model)
    return Teacher2(forecaster) if isinstance(forecaster, Toto2Forecaster) else Teacher1(forecaster)


class Teacher1(Teacher):
    """A model that predicts mixtures."""

    def __init__(self, forecaster: TotoForecaster) -> None:
        self.backbone = forecaster.model
        self.patch_size, self.stride = self.backbone.config.patch_size, self.backbone.config.stride
        self.device = self.backbone.device

    def context(self, inputs: Any) -> Context:
        """See `Teacher`."""
        return prepare_context(inputs, self.backbone)

    def judge(self, part: Context, values: Values, num_unused: int, coverage: float) -> Judged:
        """See `Teacher`."""
        predicted = predict_after_every_patch(self.backbone, *part, values.shape[-1])
        distribution, loc, scale = _used(predicted, num_unused, values.shape[1])
        levels = torch.tensor([0.5, (1 - coverage) / 2, (1 + coverage) / 2], dtype=torch.float64)
        median, low, high = distribution.icdf(levels.view(-1, 1, 1, 1, 1).to(loc))
        scaled = ((values - loc) / scale).to(median)
        log_prob = distribution.log_prob(scaled)
        surprise = distribution.log_prob(median) - log_prob
        tails = distribution.cdf(scaled), distribution.sf(scaled)
        ends = (loc + scale * end for end in (low, median, high))
        return torch.stack([t.to(values) for t in (log_prob - scale.log(), surprise, *tails, *ends)])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """See `Teacher`; dropout is off."""
        with torch.no_grad(), dropout_off(self.backbone):
            yield


class Teacher2(Teacher):
    """A model that predicts quantiles; densities and tails are those of `QuantileDistribution`."""

    def __init__(self, forecaster: Toto2Forecaster) -> None:
        self.model = forecaster.model
        self.patch_size = self.stride = self.model.config.patch_size
        self.device = self.model.device

    def context(self, inputs: Any) -> Context:
        """See `Teacher`."""
        return whole_patches(inputs, self.patch_size, self.stride, self.device)

    def judge(self, part: Context, values: Values, num_unused: int, coverage: float) -> Judged:
        """See `Teacher`."""
        _, variates, patches, steps = values.shape
        shown = torch.ones_like(part.observed)
        output = self.model(part.series, part.observed, shown, part.group_ids[..., 0])
        of_patch = slice(self.patch_size - 1, None, self.patch_size)
        loc, scale = (t.double()[..., of_patch, None] for t in (output.loc, output.scale))
        in_units = (output.quantiles.double().sinh() * scale + loc)[:, :, :variates, num_unused:, :steps]
        quantiles = in_units.sort(dim=0).values.movedim(0, -1).flatten(2, 3)
        distribution = QuantileDistribution(quantiles, LEVELS)
        low, median, high = distribution.quantile([(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
        flat = values.flatten(2)
        log_prob = distribution.log_prob(flat)
        surprise = distribution.log_prob(median) - log_prob
        fields = (log_prob, surprise, distribution.cdf(flat), distribution.sf(flat), low, median, high)
        return torch.stack([t.to(values).unflatten(2, (patches, steps)) for t in fields])


def _used(predicted: TotoOutput, num_unused: int, num_targets: int) -> TotoOutput:
    """The predictions behind the patches that are used, of the targets."""
    mixture = predicted.distribution.as_mixture()
    parameters = (mixture.df, mixture.loc, mixture.scale, mixture.logits)
    loc, scale = (t[:, :num_targets, num_unused:] for t in predicted[1:])
    return TotoOutput(type(mixture)(*(p[:, :num_targets, num_unused:] for p in parameters)), loc, scale)
