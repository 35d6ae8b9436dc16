"""The split of series into parts to train on, to validate on and to test on, one after the other."""

from collections.abc import Sequence

import numpy as np

from toto.data.regular_series import RegularSeries


def train_ends(series: Sequence[RegularSeries], val_fraction: float, horizon: int) -> list[int]:
    """The step of each series before which all targets of training lie; those of validation lie behind.

    It is one moment for all series, so that none tells of the future of another: the one after which the last
    `val_fraction` of all steps lie, or a little earlier so that one series has `horizon` steps behind it.
    """
    times = [one.times_utc() for one in series]
    every = np.sort(np.concatenate(times))
    if len(every) == 0:
        return [0] * len(series)
    moment = every[min(int((1 - val_fraction) * len(every)), len(every) - 1)]
    latest = [some[-horizon] for some in times if len(some) >= horizon]
    if latest:
        moment = min(moment, max(latest))
    return [int(np.searchsorted(some, moment)) for some in times]


def ends_before_test(series: Sequence[RegularSeries], test_fraction: float | int, horizon: int) -> list[int]:
    """The step of each series at which its test part begins, likewise one moment; without one its end."""
    if test_fraction == 0:
        return [one.values.shape[1] for one in series]
    return train_ends(series, float(test_fraction), horizon)
