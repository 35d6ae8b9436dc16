"""What the columns of a frame mean."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """What the columns of a frame mean; what is not given is found.

    time_column: found by its name (ds, time, timestamp, ...) or by its dates.
    columns: to forecast; of a wide frame all that are nothing else, of a long one `y`, or the only such.
    id_column: tells the series of a long frame apart, `unique_id` if there is one; a frame without is wide.
    group: column of a long frame; series with the same value in it see each other.
    together: all series of a frame see each other.
    past_covariates: columns that help to forecast and are not forecast.
    aggregate: what is made of several rows of one step, a name in `AGGREGATES`; None: an error.
    day_first: how dates like 01/02/2026 are meant; None: what a day above 12 tells.
    known_covariates: such columns whose values are known in the future too; none given: all of a frame of
        known values.
    static_covariates: such columns of a long frame with one value for a whole series.
    """

    time_column: str | None = None
    columns: Sequence[str] | None = None
    id_column: str | None = None
    group: str | None = None
    together: bool = False
    past_covariates: Sequence[str] = ()
    aggregate: str | None = None
    day_first: bool | None = None
    known_covariates: Sequence[str] = ()
    static_covariates: Sequence[str] = ()
