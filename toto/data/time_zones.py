"""Moments between UTC and the clock of a time zone, in numpy and the standard library alone."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from jaxtyping import Shaped

from toto.errors import InputError

Moments = Shaped[np.ndarray, " steps"]


def to_utc(clock: Moments, time_zone: str) -> Moments:
    """What UTC is when a clock shows these times.

    Of an hour that comes twice, the first; times that the clock leaves out count from before the leap:
    where it jumps from 2:00 to 3:00, 2:30 is 3:30.
    """
    zone = _zone(time_zone)
    return _each(clock, lambda moment: moment.replace(tzinfo=zone).astimezone(timezone.utc))


def to_clock(utc: Moments, time_zone: str) -> Moments:
    """What a clock shows at these moments in UTC."""
    zone = _zone(time_zone)
    return _each(utc, lambda moment: moment.replace(tzinfo=timezone.utc).astimezone(zone))


def _each(moments: Moments, change: Callable[[datetime], datetime]) -> Moments:
    different, places = np.unique(moments.astype("M8[us]"), return_inverse=True)
    changed = [change(moment).replace(tzinfo=None) for moment in different.tolist()]
    return np.array(changed, "M8[us]")[places.reshape(moments.shape)]


@lru_cache
def _zone(name: str) -> tzinfo:
    """A zone by its name, or an offset such as +02:00 or UTC+02:00.

    Raises:
        InputError: neither.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        pass
    try:
        offset = datetime.strptime(name.removeprefix("UTC"), "%z").utcoffset()
    except ValueError:
        raise InputError(
            f"time zone {name!r} is not known here: convert the time stamps to one with a name, such as "
            "Europe/Berlin, or to UTC"
        ) from None
    return timezone(offset or timedelta(0))
