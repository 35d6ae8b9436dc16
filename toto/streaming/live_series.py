"""The names of live series: data of any kind become steps of streams, and steps get their names back."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.errors import InputError
from toto.inference.pipeline.inputs import Inputs, read_inputs
from toto.streaming.arrivals import Arrivals, arrivals_in, has_times
from toto.streaming.series_notes import from_notes, to_notes

Values = Float[np.ndarray, "variates _steps"]


class LiveSeries:
    """Series that go on, each in the stream of its key.

    Args:
        inputs: the series as they began.
        layout: what the columns of frames are.
        with_times: whether steps arrive with their times, in frames; else in arrays.

    Raises:
        InputError: two series whose names are written alike.
    """

    def __init__(self, inputs: Inputs, layout: Layout, with_times: bool) -> None:
        self._inputs, self._layout, self._with_times = inputs, layout, with_times
        self.kind = inputs.kind
        self.by_key = _by_key(inputs.series)

    @classmethod
    def of(cls, history: Any, layout: Layout) -> "LiveSeries":
        """Those in a frame, an array or a list; see `TotoPipeline.stream`.

        Raises:
            InputError: a history without times, steps that are not even, or names that are written alike.
        """
        with_times = has_times(history, layout)
        inputs = read_inputs(history, layout, None, 0)
        for one in inputs.series:
            if not isinstance(one.grid, EvenGrid):
                raise InputError(
                    f"history: a stream needs even steps, got steps of {one.grid.spacing} in "
                    f"{one.labels[0]}: number them instead"
                )
        return cls(inputs, layout, with_times)

    def histories(self) -> dict[Hashable, Values]:
        """The values with which the series began."""
        return {key: one.values for key, one in self.by_key.items()}

    def times(self) -> dict[Hashable, Shaped[np.ndarray, " _steps"]] | None:
        """The times of these, if steps arrive with theirs."""
        if not self._with_times:
            return None
        return {key: one.grid.at(np.arange(one.values.shape[1])) for key, one in self.by_key.items()}

    def arrivals(self, data: Any) -> Arrivals:
        """The next steps in `data`.

        Raises:
            InputError: data of another kind than the history was, or contents that do not fit it.
        """
        return arrivals_in(data, self.by_key, self._layout, self._with_times)

    def steps(self, key: Hashable, values: Values, first: int) -> RegularSeries:
        """Steps of a series from step `first` on."""
        one = self.by_key[key]
        return replace(one, values=values, grid=one.grid.starting_at(first))

    def inputs(self, newest: Mapping[Any, Values], num_steps: Mapping[Any, int]) -> Inputs:
        """What a forecast is made of: of every series its newest values, the last of which is `num_steps`."""
        series = [self.steps(key, values, num_steps[key] - values.shape[1]) for key, values in newest.items()]
        return self._inputs._replace(series=series)

    def to_notes(self) -> dict[str, Any]:
        """Everything but values, as JSON holds it.

        Raises:
            InputError: an id that JSON does not hold as it is.
        """
        return to_notes(self._inputs, self._layout, self._with_times)

    @classmethod
    def from_notes(cls, notes: dict[str, Any]) -> "LiveSeries":
        """What `to_notes` was given."""
        return cls(*from_notes(notes))


def _by_key(series: Sequence[RegularSeries]) -> dict[Hashable, RegularSeries]:
    """Series by their names as they are written; one by itself needs none."""
    if len(series) == 1:
        return {None: series[0]}
    by_key: dict[Hashable, RegularSeries] = {}
    for one in series:
        key = "; ".join(one.labels)
        if key in by_key:
            raise InputError(
                f"history must hold series whose names are written differently, got {_names(by_key[key])} "
                f"and {_names(one)}, which both are {key!r}: rename one of them"
            )
        by_key[key] = one
    return by_key


def _names(one: RegularSeries) -> list[Any]:
    """What `labels` writes out."""
    pairs = list(zip(one.ids, one.variates, strict=False))
    return pairs if one.several_targets else list(one.ids or one.variates)
