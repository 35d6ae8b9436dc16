"""What a model predicts of single steps, as tensors that can be kept and picked from."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.quantile_distribution import QuantileDistribution

Same = TypeVar("Same", bound="Prediction")


@dataclass(frozen=True, eq=False)
class Prediction(ABC):
    """Tensors whose first axes are streams, variates and steps, of any number of axes."""

    @abstractmethod
    def distribution(self) -> ForecastDistribution | QuantileDistribution:
        """The same in units, of streams x variates x steps."""

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def each(self: Same, change: Callable[[Tensor], Tensor]) -> Same:
        """The prediction with every tensor changed."""
        return type(self)(*map(change, self.tensors()))

    def joined(self: Same, later: Same, axis: int) -> Same:
        """Both, one behind the other along an axis."""
        pairs = zip(self.tensors(), later.tensors(), strict=True)
        return type(self)(*(torch.cat(pair, axis) for pair in pairs))

    def where(self: Same, chosen: Bool[Tensor, "streams steps"], other: Same) -> Same:
        """The same at the chosen steps, and the other one elsewhere."""
        pairs = zip(self.tensors(), other.tensors(), strict=True)
        by_rank = {rank: chosen.view(len(chosen), 1, -1, *[1] * (rank - 3)) for rank in (3, 4)}
        return type(self)(*(torch.where(by_rank[mine.ndim], mine, theirs) for mine, theirs in pairs))

    def steps(self: Same, places: Int[Tensor, "streams steps"]) -> Same:
        """For each stream those of its steps, of the axis after the variates, that stand at `places`."""
        streams = torch.arange(len(places), device=places.device)[:, None]
        return self.each(lambda t: t[streams, :, places].transpose(1, 2))
