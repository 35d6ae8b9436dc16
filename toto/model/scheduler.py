"""The learning rate over a run: warm up, stay, decay."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def learning_rate_factor(step: int, progress: float, warmup_steps: int, decay_share: float) -> float:
    """The factor on the peak learning rate, in [0, 1].

    Rises linearly over the first `warmup_steps`, stays at 1, and falls to 0 like 1 - sqrt over the last
    `decay_share` of the run (arXiv 2405.18392). `progress` is the share of the run that is done; it is
    separate from `step` because a run with a time budget does not know its number of steps.
    """
    warm = min(1.0, (step + 1) / max(warmup_steps, 1))
    into_decay = (progress - (1.0 - decay_share)) / decay_share if decay_share > 0 else 0.0
    return warm * (1.0 - math.sqrt(min(max(into_decay, 0.0), 1.0)))


class WarmupStableDecayLR(LRScheduler):
    """The schedule of toto-ts: a linear rise to the base rate, a plateau, an exponential fall to `min_lr`.

    Args:
        optimizer: whose learning rates are set, step by step.
        warmup_steps, stable_steps, decay_steps: how long each part is; after them the rate stays at `min_lr`.
        base_lr: of the plateau (None: the rate of each group of parameters).
        min_lr: where the fall ends, above 0.
        last_epoch: the step to go on from.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        base_lr: float | None = None,
        min_lr: float = 1e-5,
        last_epoch: int = -1,
    ) -> None:
        self.warmup_steps, self.stable_steps, self.decay_steps = warmup_steps, stable_steps, decay_steps
        self.base_lr, self.min_lr = base_lr, min_lr
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of each group of parameters at step `last_epoch`."""
        return [self._rate(self.base_lr or float(base)) for base in self.base_lrs]

    def _rate(self, base: float) -> float:
        decayed = self.last_epoch + 1 - self.warmup_steps - self.stable_steps
        if decayed <= 0:
            return base * min(1.0, (self.last_epoch + 1) / max(self.warmup_steps, 1))
        share = min(1.0, decayed / max(self.decay_steps, 1))
        return base * (self.min_lr / base) ** share
