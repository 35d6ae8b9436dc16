"""Keeps the distributions that sample paths are drawn from, while they are drawn."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from toto.inference.decoding import Step, Values
from toto.inference.forecast_distribution import ForecastDistribution
from toto.model.backbone import TotoOutput
from toto.model.distribution import MixtureOfStudentTs

Parameters = Float[Tensor, "batch targets paths steps components"]

_SOME_DF = 3.0  # of a distribution that is so narrow that only its place matters


class DistributionRecorder:
    """Collects what `decode` predicts for the targets of `num_paths` paths, in any chunks of them.

    Everything is kept in the scaled space of the first patch, which all paths share.
    """

    def __init__(self, num_paths: int, horizon: int, num_targets: int) -> None:
        self.num_paths = num_paths
        self.horizon = horizon
        self.num_targets = num_targets
        self.scaled_space: tuple[Tensor, Tensor] | None = None  # loc and scale, [batch, targets, 1]
        self.first: list[Tensor] = []  # parameters of the first patch, [batch, targets, steps, components]
        self.later: list[Tensor] = []  # of the other steps, [batch, targets, steps, paths, components]

    def watch(self, step: Step, first_path: int) -> Step:
        """`step` for a chunk that begins with path `first_path`; what it is given is kept."""

        def watched(prediction: TotoOutput, start: int) -> Values:
            if start == 0:
                self._keep_first(prediction)
            else:
                self._keep_later(prediction, start, first_path)
            return step(prediction, start)

        return watched

    def result(self, known: Float[Tensor, "batch covariates horizon"]) -> ForecastDistribution:
        """The distribution, once all paths are decoded; its values get the dtype of `known`."""
        assert self.scaled_space is not None
        mixtures = [MixtureOfStudentTs(*self.first)]
        if self.later:
            mixtures.append(MixtureOfStudentTs(*(p.flatten(-2) for p in self.later)))
        return ForecastDistribution(tuple(mixtures), *self.scaled_space, known)

    def _keep_first(self, prediction: TotoOutput) -> None:
        loc, scale = (t[:, : self.num_targets, 0, -1:] for t in prediction[1:])
        usable = loc.isfinite() & scale.isfinite()
        self.scaled_space = torch.where(usable, loc, 0.0), torch.where(usable, scale, 1.0)
        loc, scale = (t[:, :, :1] for t in prediction[1:])  # all paths have the same prediction still
        self.first = [p[:, :, 0] for p in self._parameters(prediction._replace(loc=loc, scale=scale))]

    def _keep_later(self, prediction: TotoOutput, start: int, first_path: int) -> None:
        parameters = self._parameters(prediction)
        batch, targets, paths, steps, components = parameters[0].shape
        past = self.first[0].shape[2]
        if not self.later:
            shape = (batch, targets, self.horizon - past, self.num_paths, components)
            self.later = [p.new_empty(shape) for p in parameters]
        for kept, parameter in zip(self.later, parameters, strict=True):
            of_chunk = kept[:, :, start - past : start - past + steps, first_path : first_path + paths]
            of_chunk.copy_(parameter.transpose(2, 3))

    def _parameters(self, prediction: TotoOutput) -> list[Parameters]:
        """df, loc, scale and normalised logits of the targets, in the scaled space of the first patch.

        Where one of them is not finite every draw is, and becomes 0; so does the distribution.
        """
        assert self.scaled_space is not None
        first_loc, first_scale = (t[:, :, None] for t in self.scaled_space)
        loc, scale = (t[:, : self.num_targets] for t in prediction[1:])
        mixture = prediction.distribution.as_mixture()
        df, inner_loc, inner_scale, logits = (
            p[:, : self.num_targets] for p in (mixture.df, mixture.loc, mixture.scale, mixture.logits)
        )
        shift = ((loc - first_loc) / first_scale)[..., None].to(df)
        stretch = (scale / first_scale)[..., None].to(df)
        df, loc, scale, logits = torch.broadcast_tensors(
            df, shift + stretch * inner_loc, stretch * inner_scale, logits.log_softmax(-1)
        )
        finite = (p.isfinite().all(-1, keepdim=True) for p in (df, loc, scale, logits))
        usable = torch.stack(list(finite)).all(0)
        return [
            torch.where(usable, df, _SOME_DF),
            torch.where(usable, loc, (-first_loc / first_scale)[..., None].to(loc)),
            torch.where(usable, scale, torch.finfo(scale.dtype).tiny),
            torch.where(usable, logits, -math.log(logits.shape[-1])),
        ]
