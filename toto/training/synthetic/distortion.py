"""What changes a whole series into another plausible one: mixing, warping, modulating, turning over."""

import numpy as np
from jaxtyping import Float32

from toto.training.synthetic.autoregression import smooth_walk
from toto.training.synthetic.draws import (
    Series,
    chosen,
    log_uniform,
    look_up,
    standardise,
    steps,
    uniform,
)

MIXED_SHARE = 0.12
WARPED_SHARE = 0.04
MODULATED_SHARE = 0.06
TURNED_SHARE = 0.12


def mix(rng: np.random.Generator, series: Series, num_mixed: int) -> Float32[np.ndarray, "{num_mixed} time"]:
    """Weighted sums of 2 or 3 of the standardised series each (TSMixup, arXiv 2403.07815)."""
    partners = rng.integers(0, len(series), (num_mixed, 3))
    weights = rng.dirichlet(np.full(3, 1.5), num_mixed).astype(np.float32)
    weights[rng.random(num_mixed) < 0.6, 2] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ns,nst->nt", weights, series[partners])


def warp(rng: np.random.Generator, series: Series) -> Series:
    """Run time faster and slower, by up to a third, over the same values."""
    num_series, length = series.shape
    speed = log_uniform(rng, num_series, 0.02, 0.3) * standardise(smooth_walk(rng, num_series, length))
    position = np.cumsum(np.exp(speed), axis=1, dtype=np.float64)
    position *= (length - 1) / position[:, -1:]
    lower = np.minimum(position.astype(np.int32), length - 2)
    left = look_up(series, lower)
    return left + (position - lower).astype(np.float32) * (look_up(series, lower + 1) - left)


def modulate(rng: np.random.Generator, series: Series) -> Series:
    """Multiply by a smooth positive envelope: a straight one in a third, a wandering one in the others.

    Half of the series are modulated around their mean, the others from their lowest value.
    """
    num_series, length = series.shape
    time = steps(length) / np.float32(length)
    wandering = log_uniform(rng, num_series, 0.1, 0.8) * standardise(smooth_walk(rng, num_series, length))
    straight = uniform(rng, num_series, -1.5, 1.5) * time
    growth = np.where(uniform(rng, num_series, 0.0, 1.0) < 1 / 3, straight, wandering)
    lowest = series.min(axis=1, keepdims=True) * (uniform(rng, num_series, 0.0, 1.0) < 0.5)
    return (series - lowest) * np.exp(np.clip(growth, -3.0, 3.0))


def distort(rng: np.random.Generator, series: Series) -> Series:
    """Mix, warp, modulate and turn over small shares of the standardised series, in place."""
    rows = chosen(rng, len(series), MIXED_SHARE)
    series[rows] = standardise(mix(rng, series, len(rows)))
    for change, share in ((warp, WARPED_SHARE), (modulate, MODULATED_SHARE)):
        rows = chosen(rng, len(series), share)
        if len(rows):
            series[rows] = standardise(change(rng, series[rows]))
    series[chosen(rng, len(series), TURNED_SHARE)] *= -1.0
    return series
