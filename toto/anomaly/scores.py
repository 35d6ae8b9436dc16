"""What a model thought of every step of a history before it saw it."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

Steps = Float[Tensor, "batch variates time"]


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """How likely the values of a history were, each before it was seen; NaN where there is no answer.

    Values, ends and median are in units. `low`, `median` and `high` are also there where a value is missing.

    values: the history itself; NaN where it is missing.
    log_prob: log of the density at the value, per unit.
    surprise: how much less likely than the median the value was: log of the ratio of the densities there.
    lower_tail, upper_tail: P(step <= value) and P(step > value), each with its digits where it is small.
    low, median, high: the interval that held the step with probability `coverage`, and its middle.
    steps_ahead: how many steps before each step its last seen one lies: 1 is the step right before. It is 0
        where nothing was predicted: in the first patch.
    """

    values: Steps
    log_prob: Steps
    surprise: Steps
    lower_tail: Steps
    upper_tail: Steps
    low: Steps
    median: Steps
    high: Steps
    steps_ahead: Int[Tensor, " time"]
    coverage: float

    @property
    def two_sided_tail(self) -> Steps:
        """Probability of a step as far out as the value, on either side: twice the smaller tail."""
        return (2 * torch.minimum(self.lower_tail, self.upper_tail)).clamp(max=1)

    @property
    def residual(self) -> Steps:
        """The standardised residual: the normal quantile of P(step <= value).

        If the predictions are right it is normal with mean 0 and variance 1, whatever was predicted.
        """
        tail = torch.minimum(self.lower_tail, self.upper_tail).clamp(
            min=torch.finfo(self.lower_tail.dtype).tiny
        )
        return torch.special.ndtri(tail) * torch.where(self.lower_tail < self.upper_tail, 1.0, -1.0)

    def cpu(self) -> "Scores":
        """The same scores in main memory."""
        return self.each(lambda t: t.cpu())

    def each(self, change: Callable[[Tensor], Tensor]) -> "Scores":
        """The scores with every tensor [batch, variates, time] changed."""
        changed: dict[str, Any] = {f.name: change(getattr(self, f.name)) for f in fields(self)[:-2]}
        return replace(self, **changed)

    def row(self, number: int) -> "Scores":
        """Those of one series, in a batch of one."""
        return self.each(lambda t: t[number : number + 1])

    def steps(self, part: slice) -> "Scores":
        """Those of some steps."""
        return replace(self, **{f.name: getattr(self, f.name)[..., part] for f in fields(self)[:-1]})

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        num_scored = int((self.steps_ahead > 0).sum())
        shape = f"[batch, variates, time] = {list(self.values.shape)}"
        return f"Scores({shape}, {num_scored} steps predicted, at most {int(self.steps_ahead.max())} ahead)"
