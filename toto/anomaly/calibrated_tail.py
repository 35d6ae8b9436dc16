"""From a statistic to its probability on a clean stretch: how often it was that large there."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from toto.anomaly.inputs import real_numbers
from toto.errors import InputError

Values = Float[np.ndarray, "..."]

_POINTS = 200  # of the body that are kept
_LEAST_SCALE = 0.1  # of the tail, in units of the statistic: a constant one has none of its own
_FEWEST = 20


@dataclass(frozen=True)
class CalibratedTail:
    """P(statistic >= x) of one variate, from `num_values` values of a clean stretch.

    Up to the tail it is the share of values that were as large, rank / (num_values + 1). The largest fiftieth
    is taken for exponential, so that values beyond all that were seen have a probability as well, and those
    that were seen are treated like those to come.

    levels, log10_shares: points of the body, ascending in `levels`; the tail lies beyond the last.
    log10_beyond, scale: share of the values in the tail, and how far beyond they lie on average.
    """

    levels: tuple[float, ...]
    log10_shares: tuple[float, ...]
    log10_beyond: float
    scale: float
    num_values: int

    @classmethod
    def fit(cls, statistic: Float[np.ndarray, " time"]) -> "CalibratedTail":
        """The tail of the values that are numbers.

        Raises:
            InputError: fewer than 20 of them.
        """
        values = np.sort(statistic[np.isfinite(statistic)])[::-1]
        count = len(values)
        if count < _FEWEST:
            raise InputError(
                f"series must hold at least {_FEWEST} observed steps behind its first quarter to calibrate "
                f"on, got {count}: fit on a longer clean stretch"
            )
        in_tail = min(max(count // 50, 10), count // 2)
        ranks = np.unique(np.geomspace(in_tail, count, _POINTS).round().astype(int))
        levels = values[ranks - 1][::-1]
        shares = np.array([(values >= level).sum() for level in levels]) / (count + 1)
        levels, first = np.unique(levels, return_index=True)
        excess = (values - levels[-1])[values > levels[-1]]  # of ties at the last level none
        scale = max(float(excess.mean()), _LEAST_SCALE) if len(excess) else _LEAST_SCALE
        beyond = float(np.log10(max(len(excess), 1) / (count + 1)))
        return cls(tuple(levels.tolist()), tuple(np.log10(shares[first]).tolist()), beyond, scale, count)

    def log10_probability(self, statistic: Values) -> Values:
        """Log of P(as large a statistic) to base 10; NaN stays NaN."""
        excess = statistic - self.levels[-1]
        body = np.interp(statistic, self.levels, self.log10_shares, left=0.0)
        body = np.where(np.isnan(statistic), np.nan, body)
        return np.where(excess > 0, self.log10_beyond - excess / (self.scale * np.log(10)), body)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "CalibratedTail":
        """What `to_json` gave.

        Raises:
            InputError: no numbers, or no share for a level.
        """
        levels, shares = (real_numbers(name, found[name]) for name in ("levels", "log10_shares"))
        if not levels or len(levels) != len(shares):
            raise InputError(f"levels must have a share each, got {len(levels)} and {len(shares)} shares")
        names = ("log10_beyond", "scale", "num_values")
        beyond, scale, count = real_numbers(", ".join(names), [found[name] for name in names])
        return cls(levels, shares, beyond, scale, int(count))
