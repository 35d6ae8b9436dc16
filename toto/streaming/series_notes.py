"""Names and time grids of live series as JSON, to be saved with their streams."""

from dataclasses import asdict
from typing import Any

import numpy as np

from toto.data.forecast_frame import FrameKind
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.errors import InputError
from toto.inference.pipeline.inputs import Inputs
from toto.streaming.clock import Clock

_PLAIN = (
    "variates",
    "time_zone",
    "time_column",
    "id_column",
    "ids",
    "several_targets",
    "grid_shows_zone",
    "day_first",
)


def to_notes(inputs: Inputs, layout: Layout, with_times: bool) -> dict[str, Any]:
    """Everything but values. Of a frame its kind stays, and of its columns not their types.

    Raises:
        InputError: an id that JSON does not hold as it is.
    """
    return {
        "series": [_of_series(one) for one in inputs.series],
        "numbers": inputs.numbers,
        "shape": inputs.shape,
        "backend": str(getattr(inputs.kind.backend, "value", inputs.kind.backend)),
        "layout": asdict(layout),
        "with_times": with_times,
    }


def from_notes(notes: dict[str, Any]) -> tuple[Inputs, Layout, bool]:
    """What `to_notes` was given."""
    series = []
    for one in notes["series"]:
        clock = Clock.from_json(one["grid"])
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in one.items()
        }
        fields["grid"] = EvenGrid(clock.start, clock.interval)
        series.append(RegularSeries(values=np.empty((len(fields["variates"]), 0)), **fields))
    kind = FrameKind(notes["backend"])
    return (
        Inputs(series, notes["numbers"], tuple(notes["shape"]), kind),
        Layout(**notes["layout"]),
        notes["with_times"],
    )


def _of_series(one: RegularSeries) -> dict[str, Any]:
    for name in one.ids:
        if not isinstance(name, (str, int, float)):
            raise InputError(f"ids of series that are saved must be texts or numbers, got {name!r}")
    assert isinstance(one.grid, EvenGrid)
    return {
        **{name: getattr(one, name) for name in _PLAIN},
        "grid": Clock(one.grid.start, one.grid.step).to_json(),
    }
