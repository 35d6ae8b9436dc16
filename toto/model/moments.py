"""Running moments of series, which scale the patches of both generations."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.kernels import accumulation_dtype, running_sum


class Moments(NamedTuple):
    """Number of observed values, their mean, and their sum of squared deviations from it."""

    num_observed: Float[Tensor, "*batch"]
    mean: Float[Tensor, "*batch"]
    squares: Float[Tensor, "*batch"]

    @classmethod
    def empty(cls, like: Shaped[Tensor, "*batch"]) -> "Moments":
        """The moments of no value at all, one for each element of `like`."""
        zeros = torch.zeros(like.shape, dtype=accumulation_dtype(like.device), device=like.device)
        return cls(zeros, zeros, zeros)

    def running(
        self, values: Shaped[Tensor, "*batch time"], weights: Shaped[Tensor, "*batch time"]
    ) -> "Moments":
        """The moments after each further step (Welford's recursion, all steps at once).

        Sums are taken of deviations from the mean so far, or from the first observed value where
        there is none: a constant series has exactly no variance, whatever its level.
        """
        x, w = values.to(self.mean.dtype), weights.to(self.mean.dtype)
        first = (w > 0).to(torch.uint8).argmax(-1, keepdim=True)
        base = torch.where(self.num_observed[..., None] > 0, self.mean[..., None], x.gather(-1, first))
        num_observed = self.num_observed[..., None] + running_sum(w)
        mean = base + running_sum(w * (x - base)) / num_observed.clamp(min=1)
        before = torch.cat([base, mean[..., :-1]], dim=-1)
        squares = self.squares[..., None] + running_sum(w * (x - before) * (x - mean))
        return Moments(num_observed, torch.where(num_observed > 0, mean, 0.0), squares)

    def at(self, step: int) -> "Moments":
        """The moments at one step of running moments."""
        return Moments(self.num_observed[..., step], self.mean[..., step], self.squares[..., step])

    def population_variance(self) -> Float[Tensor, "*batch"]:
        """Mean squared deviation; 0 without values."""
        return self.squares / self.num_observed.clamp(min=1)

    def sample_variance(self) -> Float[Tensor, "*batch"]:
        """Squared deviations over (number - 1), over 1 for up to two values."""
        return self.squares / (self.num_observed - 1).clamp(min=1)
