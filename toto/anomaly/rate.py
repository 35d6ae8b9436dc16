"""How many false alarms are wanted: 1/week, 3 per day, 1 in 5,000 steps."""

import re

from toto.anomaly.inputs import real_number
from toto.errors import InputError

_SECONDS = {
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_629_746,
    "year": 31_556_952,
}
_PATTERN = re.compile(
    r"\s*(?P<number>\d+(\.\d+)?)\s*(/|per)\s*(?P<count>\d[\d,]*)?\s*(?P<unit>[a-z]+)\s*", re.I
)
EXAMPLES = '"1/week", "2/day" or "1/5000 steps"'


def false_alarms_per_step(wanted: str | float, interval_seconds: float | int | None) -> float:
    """The wanted number of false alarms in a step, below 1.

    Args:
        wanted: alarms per time ("1/week", "0.5/day", "1/4 hours"), per steps ("1/5000 steps"), or the
            number in a step itself.
        interval_seconds: of a step; needed for a rate per time.

    Raises:
        InputError: nothing of that kind, no interval to count time by, or one alarm per step or more.
    """
    rate = _parse(wanted, interval_seconds) if isinstance(wanted, str) else real_number(wanted)
    if rate is None:
        raise InputError(f"false_alarms must be a rate like {EXAMPLES}, or a number, got {wanted!r}")
    if not 0 < rate < 1:
        raise InputError(
            f"false_alarms must be above 0 and below one in a step, got {wanted!r}, which is {rate:g}: "
            f"say {EXAMPLES}"
        )
    return rate


def _parse(wanted: str, interval_seconds: float | int | None) -> float:
    found = _PATTERN.fullmatch(wanted)
    unit = "" if found is None else found["unit"].lower().removesuffix("s")
    if found is None or unit not in (*_SECONDS, "step"):
        raise InputError(f"false_alarms must be a rate like {EXAMPLES}, got {wanted!r}")
    number, count = float(found["number"]), float((found["count"] or "1").replace(",", ""))
    if unit == "step":
        return number / count if count else 0.0
    seconds = real_number(interval_seconds)
    if seconds is None or not seconds > 0:
        raise InputError(
            f"interval_seconds must be the seconds of a step for false_alarms={wanted!r}, got "
            f"{interval_seconds!r}: give it, or a rate per steps like 1/5000 steps"
        )
    return number * seconds / (count * _SECONDS[unit]) if count else 0.0
