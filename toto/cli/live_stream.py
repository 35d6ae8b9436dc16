"""A stream that is watched: rows in, in the units in which the model sees them, and alarms out."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toto.anomaly.calibration import Unit
from toto.cli.live_judge import LiveJudge
from toto.cli.live_rows import Row
from toto.streaming.stream import Stream

_COVERAGE = 0.99  # of the interval that alarms show
_LARGEST = 1e3  # spreads are 10: what lies beyond would inflate the statistics of the model for long


class LiveStream(NamedTuple):
    """A stream, what its variates are called and in which units they are, and who judges it."""

    stream: Stream
    columns: Sequence[str]
    units: Sequence[Unit]
    judge: LiveJudge

    def take(self, row: Row) -> dict[str, Any] | None:
        """Append a row; the alarm that it begins, if it does.

        Raises:
            InputError: its time does not fit the stream.
        """
        values = [row.values.get(name, math.nan) for name in self.columns]
        scaled = in_units(np.array([values]).T, self.units)
        scores = self.stream.append(scaled, [row.time], late="drop")
        if scores.values.shape[-1] != 1:  # late, or the first after a gap, of which nothing was predicted
            return None
        verdict = self.judge.judge(scores, self.stream.num_steps)
        if verdict is None:
            return None
        low, high = (end[0, :, -1].tolist() for end in scores.interval(_COVERAGE))
        blamed = [
            {
                "column": self.columns[place],
                "value": values[place],
                "expected": [_short(unit.centre + unit.size * end) for end in (low[place], high[place])],
            }
            for place, unit in ((place, self.units[place]) for place in verdict.variates)
        ]
        return {
            "time": row.text,
            "score": _short(verdict.score),
            "threshold": _short(self.judge.threshold),
            "columns": blamed,
        }


def in_units(
    values: Float[np.ndarray, "variates steps"], units: Sequence[Unit]
) -> Float[np.ndarray, "variates steps"]:
    """Values as the model sees them; what is not finite is missing, and what is huge is cut off."""
    centre, size = (np.array([[getattr(unit, name)] for unit in units]) for name in ("centre", "size"))
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((values - centre) / size, -_LARGEST, _LARGEST)
    return np.where(np.isfinite(values), scaled, np.nan)


def _short(number: float) -> float:
    return float(f"{number:.4g}")
