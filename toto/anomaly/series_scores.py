"""Scores of many series, under their names."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toto.anomaly.score import score
from toto.anomaly.scores import Scores
from toto.data.forecast_frame import FrameKind
from toto.data.history_frame import history_frame
from toto.data.regular_series import RegularSeries
from toto.inference.context_notes import note_flat

_NUMBERS_AT_ONCE = 2**22  # values of series that share a call; a score is 10 numbers

COLUMNS = ("log_prob", "surprise", "lower_tail", "upper_tail", "residual", "low", "median", "high")


@dataclass(frozen=True, eq=False, repr=False)
class SeriesScores(Sequence[Scores]):
    """Scores of series that do not influence each other, in their order; `scores[0]` is [1, variates, time].

    series: names, time grids and values.
    kind: of the frames that show them.
    """

    series: Sequence[RegularSeries]
    scores: Sequence[Scores]
    kind: FrameKind

    def to_frame(self) -> Any:
        """One row per variate and step, in a frame of the kind that was given (of arrays: of pandas).

        Columns: id and time under their own names (`variate` beside the time of a wide frame), `value`,
        `steps_ahead`, and those of `Scores`; see there.

        Raises:
            InputError: a column of the data has one of these names.
        """
        return history_frame(self.series, [_columns(one) for one in self.scores], self.kind)

    def __getitem__(self, place: Any) -> Any:
        return self.scores[place]

    def __iter__(self) -> Iterator[Scores]:
        return iter(self.scores)

    def __len__(self) -> int:
        """The number of series."""
        return len(self.scores)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        steps = sum(one.values.shape[1] for one in self.series)
        return f"SeriesScores({len(self)} series, {steps} steps)"


def score_series(
    model: Any, series: Sequence[RegularSeries], kind: FrameKind, **options: Any
) -> SeriesScores:
    """`score` of each series; those of one shape together.

    Raises:
        InputError: an option that breaks a rule.
    """
    note_flat(model, series)
    by_shape = defaultdict(list)
    for place, one in enumerate(series):
        by_shape[one.values.shape, one.values.dtype].append(place)
    found: dict[int, Scores] = {}
    for (shape, _), places in by_shape.items():
        at_once = max(1, _NUMBERS_AT_ONCE // max(1, shape[0] * shape[1]))
        for first in range(0, len(places), at_once):
            some = places[first : first + at_once]
            together = score(model, np.stack([series[place].values for place in some]), **options).cpu()
            for row, place in enumerate(some):
                found[place] = together.row(row)
    return SeriesScores(series, [found[place] for place in range(len(series))], kind)


def _columns(scores: Scores) -> dict[str, np.ndarray]:
    values = scores.values[0]
    ahead = scores.steps_ahead.expand(values.shape)
    columns = {"value": values, "steps_ahead": ahead} | {name: getattr(scores, name)[0] for name in COLUMNS}
    return {name: t.numpy() for name, t in columns.items()}
