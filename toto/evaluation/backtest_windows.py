"""What a backtest is run on: tables, arrays and lists as regular series, and their rolling windows."""

from collections.abc import Sequence
from typing import Any

from toto.data.array_series import note_transposed, series_from_arrays
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.table import Table, is_frame
from toto.errors import InputError
from toto.evaluation.season import natural_season
from toto.evaluation.task import Task
from toto.inference.arguments import count

_NOT_GIVEN = Layout()


def as_regular_series(data: Any, layout: Layout = _NOT_GIVEN) -> list[RegularSeries]:
    """The series in `data`, NaN where a value is missing.

    Args:
        data: a data frame, wide or long (see `toto.data.frame`); an array [time], [variates, time] or [batch,
            variates, time]; a list of numbers or of arrays; one `RegularSeries` or a list of them.
        layout: what the columns of a frame are.

    Raises:
        InputError: nothing of these, or no steps.
    """
    if isinstance(data, RegularSeries):
        return [data]
    if is_frame(data):
        return series_from_table(Table(data), layout)
    if isinstance(data, Sequence) and data and isinstance(data[0], RegularSeries):
        return list(data)
    series = series_from_arrays(data, layout).series
    note_transposed(series)
    return series


def rolling_windows(
    name: str,
    series: Sequence[RegularSeries],
    horizon: int,
    windows: int,
    step: int | None = None,
    season: int | None = None,
) -> Task:
    """The last windows of every series, `step` steps from one to the next.

    Args:
        name: of the task, for the record.
        series: one or more.
        horizon: steps that are forecast in each window.
        windows: of each series.
        step: from origin to origin; None: the horizon, so that windows do not overlap.
        season: steps of a season; None: that of `natural_season` in the history before the first window.

    Raises:
        InputError: counts that are no whole numbers of at least 1, a series too short for its windows (the
            message says how many fit), or no season where the natural ones differ.
    """
    horizon, windows = count("horizon", horizon), count("windows", windows)
    step = horizon if step is None else count("step", step)
    season = None if season is None else count("season", season)
    reach = horizon + (windows - 1) * step
    for one in series:
        _check_length(one, horizon, windows, step, reach)
    values = [one.values for one in series]
    ends = [one.values.shape[1] for one in series]
    origins = [range(end - reach, end - horizon + 1, step) for end in ends]
    if season is None:
        season = _common_season(series, min(origin[0] for origin in origins))
    rule = f"the last {windows} of each series, {step} steps apart"
    return Task(name, values, origins, horizon, season, rule)


def _check_length(one: RegularSeries, horizon: int, windows: int, step: int, reach: int) -> None:
    num_steps = one.values.shape[1]
    if num_steps > reach:
        return
    who = _who(one)
    if num_steps <= horizon:
        raise InputError(
            f"horizon must be shorter than every series, got {horizon} steps; {who} has {num_steps}, and at "
            "least one must come before the forecast"
        )
    fit = 1 + (num_steps - 1 - horizon) // step
    raise InputError(
        f"windows must fit into every series: {windows} windows of horizon {horizon}, {step} steps apart, "
        f"need {reach + 1} steps, {who} has {num_steps}; take at most {fit} windows, or a smaller step"
    )


def _common_season(series: Sequence[RegularSeries], num_steps: int) -> int:
    seasons = {natural_season(one.grid, num_steps): one for one in series}
    if len(seasons) > 1:
        (first, one), (second, other) = list(seasons.items())[:2]
        raise InputError(
            f"season must be given where series differ in theirs: that of {_who(one)} is {first} step(s), of "
            f"{_who(other)} {second}; pass season, or backtest them apart"
        )
    return next(iter(seasons))


def _who(one: RegularSeries) -> str:
    return f"the series {one.series_id}" if one.series_id is not None else f"the series of {one.labels[0]}"
