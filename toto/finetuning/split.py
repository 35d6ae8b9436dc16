"""The split of series into a part to train on and a later one to validate on."""

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
    moment = every[int((1 - val_fraction) * len(every))]
    latest = [some[-horizon] for some in times if len(some) >= horizon]
    if latest:
        moment = min(moment, max(latest))
    return [int(np.searchsorted(some, moment)) for some in times]
