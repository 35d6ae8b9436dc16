"""One training batch: independent series and groups of related ones, packed as rows of variates."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64

from toto.errors import InputError
from toto.training.synthetic.artefacts import record
from toto.training.synthetic.catalogue import any_series
from toto.training.synthetic.distortion import distort
from toto.training.synthetic.draws import standardise
from toto.training.synthetic.multivariate import relate
from toto.training.synthetic.observation import drop_stretches, rescale, start_offsets

LONGEST_DELAY = 64  # steps by which one variate of a group may follow another


class SyntheticBatch(NamedTuple):
    """Series as the model takes them, in numpy.

    series: raw units; 0 where nothing was observed.
    observed: True where a value is real.
    group_ids: variates of a row with the same id belong together; constant in time.
    """

    series: Float32[np.ndarray, "batch variates time"]
    observed: Bool[np.ndarray, "batch variates time"]
    group_ids: Int64[np.ndarray, "batch variates time"]


def sample_groups(rng: np.random.Generator, num_rows: int, num_variates: int, share: float) -> np.ndarray:
    """Group ids, int [rows, variates]: in `share` of the rows neighbours form groups of 2 or more."""
    ids = np.tile(np.arange(num_variates), (num_rows, 1))
    for row in np.flatnonzero(rng.random(num_rows) < share):
        start = 0
        while start < num_variates:
            size = int(rng.integers(2, num_variates + 1)) if num_variates > 1 else 1
            ids[row, start : start + size] = start
            start += size
    return ids


def relate_groups(rng: np.random.Generator, series: np.ndarray, group_ids: np.ndarray) -> np.ndarray:
    """Mix the series of every group of 2 or more; the first LONGEST_DELAY steps of all are cut off."""
    related = series[..., LONGEST_DELAY:].copy()
    for row, ids in enumerate(group_ids):
        for group in np.unique(ids):
            members = np.flatnonzero(ids == group)
            if len(members) > 1:
                related[row, members] = relate(rng, series[row, members], LONGEST_DELAY)
    return related


def sample_batch(
    rng: np.random.Generator,
    num_series: int,
    length: int,
    *,
    num_variates: int = 8,
    patch_size: int = 64,
    grouped_share: float = 0.35,
    missing_share: float = 0.08,
) -> SyntheticBatch:
    """`num_series` synthetic series of `length` steps, packed `num_variates` to a row.

    Equal states of `rng` give equal batches. In `grouped_share` of the rows the variates form groups
    of related series; in the others every variate is by itself. Recording starts late in some rows,
    `missing_share` of the series have gaps.

    Raises InputError when `num_series` does not fill whole rows or the length is below two patches.
    """
    if num_series < 1 or num_variates < 1 or num_series % num_variates:
        raise InputError(
            f"num_series must be a positive multiple of num_variates = {num_variates}, got {num_series}"
        )
    if length < 2 * patch_size:
        raise InputError(f"length must be at least two patches of {patch_size} steps, got {length}")
    num_rows = num_series // num_variates
    ids = sample_groups(rng, num_rows, num_variates, grouped_share)
    base = distort(rng, standardise(any_series(rng, num_series, length + LONGEST_DELAY)))
    related = relate_groups(rng, base.reshape(num_rows, num_variates, -1), ids)
    recorded = record(rng, standardise(related.reshape(num_series, length)))
    series = rescale(rng, recorded).reshape(num_rows, num_variates, length)
    observed = np.arange(length) >= start_offsets(rng, num_rows, length, patch_size)[:, None, None]
    observed = np.repeat(observed, num_variates, axis=1)
    drop_stretches(rng, observed.reshape(num_series, length), missing_share)
    group_ids = np.repeat(ids[..., None], length, axis=2).astype(np.int64)
    return SyntheticBatch(np.where(observed, series, np.float32(0.0)), observed, group_ids)
