"""The learning rate over a run: warm up, stay, decay."""

import math


def learning_rate_factor(step: int, progress: float, warmup_steps: int, decay_share: float) -> float:
    """The factor on the peak learning rate, in [0, 1].

    Rises linearly over the first `warmup_steps`, stays at 1, and falls to 0 like 1 - sqrt over the last
    `decay_share` of the run (arXiv 2405.18392). `progress` is the share of the run that is done; it is
    separate from `step` because a run with a time budget does not know its number of steps.
    """
    warm = min(1.0, (step + 1) / max(warmup_steps, 1))
    into_decay = (progress - (1.0 - decay_share)) / decay_share if decay_share > 0 else 0.0
    return warm * (1.0 - math.sqrt(min(max(into_decay, 0.0), 1.0)))
