"""Predictions of models of the first generation: mixtures of Student-Ts."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from toto.inference.forecast_distribution import ForecastDistribution
from toto.model.backbone import TotoBackbone
from toto.model.distribution import MixtureOfStudentTs
from toto.streaming.prediction import Prediction

Parameters = Float[Tensor, "streams variates *steps components"]


@dataclass(frozen=True, eq=False)
class MixturePrediction(Prediction):
    """Mixtures in a scaled space, and the map out of it: shift + stretch * value."""

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
    ) -> "MixturePrediction":
        """What is predicted after every token of the next `num_steps` steps (None: a patch)."""
        mixture = backbone.predict(hidden, num_steps).as_mixture()
        out_of = (t[..., : mixture.batch_shape[-1]].expand(mixture.batch_shape) for t in (shift, stretch))
        return cls(mixture.df, mixture.loc, mixture.scale, mixture.logits, *out_of)

    def distribution(self) -> ForecastDistribution:
        """The same in units, [streams, variates, steps] as batch shape."""
        mixture = MixtureOfStudentTs(self.df, self.loc, self.scale, self.logits)
        nothing_known = self.shift.new_empty(len(self.shift), 0, self.shift.shape[2])
        return ForecastDistribution((mixture,), self.shift, self.stretch, nothing_known)
