"""What happens at single times: level shifts, spikes, bursts that die away, jobs that switch on and off."""

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.autoregression import filter_first_order
from toto.training.synthetic.draws import Series, fill_by_choice, log_uniform, normal

Rate = Float32[np.ndarray, "series #time"]


def impulses(rng: np.random.Generator, rate: Rate, length: int) -> Series:
    """0 almost everywhere; 1 with probability `rate`, one per series or one per step."""
    return (rng.random((len(rate), length), dtype=np.float32) < rate).astype(np.float32)


def level_shifts(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Steps between levels that hold: 1 to 12 shifts in a series on average."""
    rate = log_uniform(rng, num_series, 1.0, 12.0) / np.float32(length)
    jumps = impulses(rng, rate, length)
    jumps *= normal(rng, num_series, length)
    return np.cumsum(jumps, axis=1)


def switching(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Two levels in turn, each held for a random time: a job that runs and stops."""
    rate = log_uniform(rng, num_series, 2.0, 60.0) / np.float32(length)
    toggles = np.cumsum(impulses(rng, rate, length), axis=1).astype(np.int32)
    return ((toggles + rng.integers(0, 2, (num_series, 1))) % 2).astype(np.float32)


def spikes(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Single high steps at random times: up to one in 20 steps, sizes with a long tail."""
    rate = log_uniform(rng, num_series, 1.0 / length, 0.05)
    sizes = np.exp(0.7 * normal(rng, num_series, length))
    return impulses(rng, rate, length) * sizes


def bursts(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """Spikes that die away over 2 steps to a tenth of the series: a queue that drains, a load average."""
    time_constant = log_uniform(rng, num_series, 2.0, max(length / 10, 3.0))
    return filter_first_order(spikes(rng, num_series, length), np.exp(-1.0 / time_constant))


def any_event(rng: np.random.Generator, num_series: int, length: int) -> Series:
    """One of the kinds of this file per series."""
    choices = [(level_shifts, 2.0), (switching, 1.0), (spikes, 1.0), (bursts, 2.0)]
    return fill_by_choice(rng, num_series, length, choices)
