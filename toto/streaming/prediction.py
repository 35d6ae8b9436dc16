"""The distributions that a model predicts of single steps, as tensors that can be kept and picked from."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.inference.forecast_distribution import ForecastDistribution
from toto.model.backbone import TotoBackbone
from toto.model.distribution import MixtureOfStudentTs

Parameters = Float[Tensor, "streams variates *steps components"]


class Prediction(NamedTuple):
    """Mixtures of Student-Ts in a scaled space, and the map out of it: shift + stretch * value."""

    df: Parameters
    loc: Parameters
    scale: Parameters
    logits: Parameters
    shift: Float[Tensor, "streams variates *steps"]
    stretch: Float[Tensor, "streams variates *steps"]

    @classmethod
    def of(
        cls,
        backbone: TotoBackbone,
        hidden: Float[Tensor, "streams variates *tokens embed_dim"],
        shift: Float[Tensor, "streams variates *#tokens #steps"],
        stretch: Float[Tensor, "streams variates *#tokens #steps"],
        num_steps: int | None = None,
    ) -> "Prediction":
        """What is predicted after every token of the next `num_steps` steps (None: a patch)."""
        mixture = backbone.predict(hidden, num_steps).as_mixture()
        out_of = (t[..., : mixture.batch_shape[-1]].expand(mixture.batch_shape) for t in (shift, stretch))
        return cls(mixture.df, mixture.loc, mixture.scale, mixture.logits, *out_of)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Prediction":
        """The prediction with every tensor changed; streams and variates are the first axes of all."""
        return Prediction(*map(change, self))

    def joined(self, later: "Prediction", axis: int) -> "Prediction":
        """Both, one behind the other along an axis."""
        return Prediction(*(torch.cat(pair, axis) for pair in zip(self, later, strict=True)))

    def where(self, chosen: Bool[Tensor, "streams steps"], other: "Prediction") -> "Prediction":
        """The same at the chosen steps, and the other one elsewhere."""
        pairs = zip(self, other, strict=True)
        by_rank = {rank: chosen.view(len(chosen), 1, -1, *[1] * (rank - 3)) for rank in (3, 4)}
        return Prediction(*(torch.where(by_rank[mine.ndim], mine, theirs) for mine, theirs in pairs))

    def steps(self, places: Int[Tensor, "streams steps"]) -> "Prediction":
        """For each stream those of its steps, of the axis after the variates, that stand at `places`."""
        streams = torch.arange(len(places), device=places.device)[:, None]
        return self.each(lambda t: t[streams, :, places].transpose(1, 2))

    def distribution(self) -> ForecastDistribution:
        """The same in units, [streams, variates, steps] as batch shape."""
        mixture = MixtureOfStudentTs(self.df, self.loc, self.scale, self.logits)
        nothing_known = self.shift.new_empty(len(self.shift), 0, self.shift.shape[2])
        return ForecastDistribution((mixture,), self.shift, self.stretch, nothing_known)
