"""Predictions of models of the second generation: quantiles."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from toto.inference.quantile_distribution import QuantileDistribution
from toto.model2.scaler import PatchScale
from toto.model2.toto2 import LEVELS
from toto.streaming.prediction import Prediction


@dataclass(frozen=True, eq=False)
class QuantilePrediction(Prediction):
    """Quantiles in units, ascending over `LEVELS`."""

    quantiles: Float[Tensor, "streams variates *steps levels"]

    @classmethod
    def of(
        cls, knots: Float[Tensor, "levels streams variates tokens steps"], scale: PatchScale
    ) -> "QuantilePrediction":
        """What is predicted after every token, [streams, variates, tokens, steps]."""
        return cls(scale.in_units(knots).sort(dim=0).values.movedim(0, -1))

    def distribution(self) -> QuantileDistribution:
        """See `Prediction`; densities are constant between quantiles, and tails are modelled."""
        return QuantileDistribution(self.quantiles, LEVELS)
