"""What detectors find in many series, under their names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from toto.anomaly.detection import Detection
from toto.anomaly.detector import Detector
from toto.anomaly.detectors import DETECTORS
from toto.anomaly.inputs import real_number
from toto.anomaly.plot import plot_detection
from toto.data.forecast_frame import FrameKind
from toto.data.history_frame import Happened, happened_frame, history_frame
from toto.data.regular_series import RegularSeries
from toto.errors import InputError
from toto.inference.arguments import one_of, whole_number
from toto.inference.context_notes import note_flat

if TYPE_CHECKING:
    from toto.inference.plot import Figure


@dataclass(frozen=True, eq=False, repr=False)
class SeriesDetection(Sequence[Detection]):
    """Detections in series that do not influence each other, in their order; `found[0]` is a `Detection`.

    series: names, time grids and values.
    detectors: the fitted detector of each, to be saved, or for the steps to come.
    num_clean: steps of each that were calibrated on, from its first.
    kind: of the frames that show them.
    """

    series: Sequence[RegularSeries]
    detections: Sequence[Detection]
    detectors: Sequence[Detector]
    num_clean: Sequence[int]
    kind: FrameKind

    @property
    def events(self) -> Any:
        """One row per event, in a frame of the kind that was given (of arrays: of pandas).

        Columns: the id, if the data has one; `start`, `end` and `alarm` (when it was known); `severity`, in
        decades by which it is rare; `variates` to blame; `value` of the strangest and the interval expected
        there, `expected_low` to `expected_high`; `in_clean_part`, True for alarms in the first part.
        """
        found = zip(self.series, self.detections, self.num_clean, strict=True)
        return happened_frame([_events(*one) for one in found], self.kind)

    def to_frame(self) -> Any:
        """One row per variate and step, in a frame of the kind that was given (of arrays: of pandas).

        Columns: id and time under their own names (`variate` beside the time of a wide frame), `value`, the
        expected `low`, `median` and `high`; `log10_probability` of the variate; `score` of its group, the
        `threshold` it is held to, and `is_anomaly`, True within events.

        Raises:
            InputError: a column of the data has one of these names.
        """
        return history_frame(self.series, [_columns(one) for one in self.detections], self.kind)

    def plot(self, place: SupportsIndex | None = None, *, title: str | None = None) -> "Figure":
        """Draw history, expected range, events, and the score below; see `plot_detection`.

        Args:
            place: of the series to draw (None: the only one).
            title: of the figure.

        Raises:
            InputError: no such series, or several to choose from.
            MissingExtraError: matplotlib is not installed.
        """
        if place is None and len(self) > 1:
            raise InputError(
                f"place must say which of {len(self)} series to draw, from 0 (strangest is that of the most "
                f"severe event, {self.strangest}), or multivariate=True must make one of all"
            )
        which = 0 if place is None else whole_number(place)
        if which is None or not -len(self) <= which < len(self):
            raise InputError(f"place must be that of one of {len(self)} series, from 0, got {place!r}")
        one = self.series[which]
        return plot_detection(replace(self[which], times=one.times()), one.labels, title=title)

    @property
    def strangest(self) -> int:
        """The place of the series with the most severe event; the first where there are no events."""
        severities = [max((event.severity for event in one.events), default=-1.0) for one in self]
        return int(np.argmax(severities))

    def __getitem__(self, place: Any) -> Any:
        return self.detections[place]

    def __iter__(self) -> Iterator[Detection]:
        return iter(self.detections)

    def __len__(self) -> int:
        """The number of series."""
        return len(self.detections)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        num_events = sum(len(one.events) for one in self)
        return f"SeriesDetection({len(self)} series, {num_events} events)"


def detect_in_series(
    model: Any,
    series: Sequence[RegularSeries],
    kind: FrameKind,
    *,
    detector: str,
    clean: float | int,
    interval_seconds: float | int | None = None,
    **options: Any,
) -> SeriesDetection:
    """Fit a detector to the first part of each series, and detect in all of it.

    Args:
        detector: a name in `DETECTORS`.
        clean: share of a series, from its start, to calibrate on.
        interval_seconds: of a step, where the series have numbers for time.
        options: of the detector.

    Raises:
        InputError: another detector or share, an option that breaks a rule, or a series that cannot be
            calibrated on; with several series the message names it.
    """
    kind_of_detector = DETECTORS[one_of("detector", detector, tuple(DETECTORS))]
    share = real_number(clean)
    if share is None or not 0 < share <= 1:
        raise InputError(f"clean must be a share of the history, above 0 and up to 1, got {clean!r}")
    note_flat(model, series)
    detectors = [
        kind_of_detector(
            model,
            interval_seconds=one.grid.interval_seconds if one.grid.counts_time else interval_seconds,
            **options,
        )
        for one in series
    ]
    num_clean = [max(1, int(share * one.values.shape[1])) for one in series]
    found = []
    for one, fitted, count in zip(series, detectors, num_clean, strict=True):
        _check_values(one, count)
        try:
            found.append(fitted.fit_detect(one.values, count))
        except InputError as error:
            raise error if len(series) == 1 else InputError(f"{one.labels[0]}: {error}") from error
    return SeriesDetection(series, found, detectors, num_clean, kind)


def _check_values(series: RegularSeries, num_clean: int) -> None:
    empty = np.flatnonzero(~np.isfinite(series.values[:, :num_clean]).any(1))
    if len(empty):
        raise InputError(
            f"series must hold observed values in the first {num_clean} steps, to calibrate on, got none of "
            f"{series.labels[empty[0]]}: leave it out, or give a larger share as clean"
        )


def _events(series: RegularSeries, detection: Detection, num_clean: int) -> Happened:
    events, labels = detection.events, series.labels
    steps = {
        name: np.array([getattr(event, name) for event in events], int) for name in ("start", "end", "alarm")
    }
    numbers = {"value": "value", "expected_low": "low", "expected_high": "high"}
    values = {
        "severity": np.array([event.severity for event in events], float),
        "variates": np.array(["; ".join(labels[v] for v in event.variates) for event in events], str),
        **{
            name: np.array([getattr(event, field) for event in events], float)
            for name, field in numbers.items()
        },
        "in_clean_part": steps["alarm"] < num_clean,
    }
    return Happened(series, np.array([event.variates[0] for event in events], int), steps, values)


def _columns(found: Detection) -> dict[str, np.ndarray]:
    names = ("low", "median", "high", "log10_probability")
    return {
        "value": found.values,
        **{name: getattr(found, name) for name in names},
        "score": found.scores[found.groups],
        "threshold": np.broadcast_to(found.thresholds[found.groups][:, None], found.values.shape),
        "is_anomaly": found.is_anomaly[found.groups],
    }
