"""What is known of steps of the past, as data frames of the kind that the data came in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from jaxtyping import Int, Shaped

from toto.data.forecast_frame import FrameKind, forecast_frame
from toto.data.regular_series import RegularSeries
from toto.errors import InputError

Columns = Mapping[str, Shaped[np.ndarray, "variates _time"]]
Rows = Mapping[str, Shaped[np.ndarray, " _rows"]]


class Happened(NamedTuple):
    """Things that happened in one series, a row for each.

    variates: to which each is put down: of a long frame their ids are shown.
    steps: columns of steps, shown as time stamps. values: further columns.
    """

    series: RegularSeries
    variates: Int[np.ndarray, " _rows"]
    steps: Rows
    values: Rows


def history_frame(series: Sequence[RegularSeries], numbers: Sequence[Columns], kind: FrameKind) -> Any:
    """One row per variate and step of the past: the columns that tell rows apart, and the numbers.

    Args:
        series: of any lengths, all in the same columns.
        numbers: for each series columns and their values, from its first step on.
        kind: of the frame.

    Returns:
        A frame with the columns of `forecast_frame`.

    Raises:
        InputError: a column of the data has the name of one of the numbers.
        MissingExtraError: the package of that kind is not installed.
    """
    frames = []
    for one, columns in zip(series, numbers, strict=True):
        before = replace(one, values=one.values[:, :0])  # nothing yet: its own steps are what follows
        frames.append(nw.from_native(forecast_frame([before], columns, kind), eager_only=True))
    return nw.maybe_reset_index(nw.concat(frames)).to_native()


def happened_frame(happened: Sequence[Happened], kind: FrameKind) -> Any:
    """One row for everything that happened: the id of a long frame, time stamps, values.

    Raises:
        InputError: a column of the data has the name of one of the others.
        MissingExtraError: the package of that kind is not installed.
    """
    frames = [_of_series(some, kind) for some in happened]
    return nw.maybe_reset_index(nw.concat(frames)).to_native()


def _of_series(some: Happened, kind: FrameKind) -> "nw.DataFrame[Any]":
    one = some.series
    if one.id_column in (*some.steps, *some.values):
        raise InputError(f"the column {one.id_column!r} has the name of a column of the result: rename it")
    num_steps = 1 + max((int(steps.max()) for steps in some.steps.values() if len(steps)), default=0)
    keys = nw.from_native(
        history_frame([one], [{"": np.zeros((len(one.variates), num_steps))}], kind), eager_only=True
    )
    columns = [] if one.id_column is None else [keys[one.id_column][(some.variates * num_steps).tolist()]]
    columns += [keys[one.time_column][steps.tolist()].alias(name) for name, steps in some.steps.items()]
    for name, values in some.values.items():
        if values.dtype.kind == "U":
            columns.append(nw.new_series(name, values.tolist(), nw.String, backend=kind.backend))
        else:
            columns.append(nw.new_series(name, values, backend=kind.backend))
    frame, *others = columns
    return frame.to_frame().with_columns(*others)
