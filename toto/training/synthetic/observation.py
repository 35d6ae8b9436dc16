"""How a series reaches the model: its unit, its offset, where recording starts, and what is missing."""

import numpy as np
from jaxtyping import Bool

from toto.training.synthetic.draws import Series, log_uniform, sign, standardise, uniform

Observed = Bool[np.ndarray, "series time"]


def rescale(rng: np.random.Generator, series: Series) -> Series:
    """Standard deviations from 1e-2 to 1e6, and an offset of up to a thousand of them.

    A fifth of the series is small (below 1), where the variance floor of the scaler shows. Three
    in ten have mean 0, four in ten are positive, the others lie anywhere.
    """
    num_series = len(series)
    standard = standardise(series)
    small = uniform(rng, num_series, 0.0, 1.0) < 0.2
    scale = np.where(small, log_uniform(rng, num_series, 1e-2, 1.0), log_uniform(rng, num_series, 1.0, 1e6))
    kind = uniform(rng, num_series, 0.0, 1.0)
    floor = -standard.min(axis=1, keepdims=True)
    lifted = floor + np.where(kind < 0.5, np.float32(0.0), log_uniform(rng, num_series, 0.1, 30.0))
    anywhere = sign(rng, num_series) * log_uniform(rng, num_series, 0.1, 1000.0)
    offset = np.where(kind < 0.3, np.float32(0.0), np.where(kind < 0.7, lifted, anywhere))
    return (scale * (standard + offset)).astype(np.float32)


def drop_stretches(rng: np.random.Generator, observed: Observed, share: float) -> Observed:
    """Unset 1 to 5 stretches, a step to a tenth of a series long, in a share of the series, in place."""
    num_series, length = observed.shape
    for row in np.flatnonzero(rng.random(num_series) < share):
        for _ in range(int(rng.integers(1, 6))):
            size = int(np.exp(rng.uniform(0.0, np.log(max(length / 10, 2.0)))))
            start = int(rng.integers(0, length))
            observed[row, start : start + size] = False
    return observed


def start_offsets(rng: np.random.Generator, num_rows: int, length: int, patch_size: int) -> np.ndarray:
    """The first recorded step per row, int [rows].

    Half of the rows start inside the first patch, as a context does whose length is no multiple of the
    patch; one in eight starts anywhere, leaving at least half a patch and one to predict; the others at 0.
    """
    inside = rng.integers(0, patch_size, num_rows)
    latest = max(length - patch_size - patch_size // 2, 0)
    anywhere = rng.integers(0, latest + 1, num_rows)
    kind = rng.random(num_rows)
    return np.where(kind < 0.5, inside, np.where(kind < 0.625, anywhere, 0))
