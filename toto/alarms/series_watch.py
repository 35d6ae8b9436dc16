"""Live series under their names that are watched: frames or arrays go in, alarms come out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from toto.alarms.alarms import Alarms
from toto.alarms.watched_streams import WatchedStreams
from toto.anomaly.detectors import DETECTORS
from toto.data.layout import Layout
from toto.errors import InputError
from toto.inference.arguments import one_of
from toto.inference.pipeline.forecast import PipelineForecast
from toto.streaming.live_series import LiveSeries


class SeriesWatch:
    """Live series with names, each judged by its own past; the work is that of `WatchedStreams`.

    Args:
        streams: one for each series.
        names: of the series.
        forecast: makes the forecast of `Inputs`.
    """

    def __init__(
        self, streams: WatchedStreams, names: LiveSeries, forecast: Callable[..., PipelineForecast]
    ) -> None:
        self._streams, self._names, self._forecast = streams, names, forecast

    @classmethod
    def begin(
        cls,
        model: Any,
        forecast: Callable[..., PipelineForecast],
        history: Any,
        layout: Layout,
        *,
        detector: str,
        interval_seconds: float | int | None,
        max_context: int,
        **options: Any,
    ) -> "SeriesWatch":
        """A watch that learns from the history of the series in a frame, an array or a list.

        Args:
            model: a `TotoForecaster`, or what makes one.
            forecast: makes the forecast of `Inputs`.
            history: data as `TotoPipeline.forecast` takes it.
            layout: what the columns of a frame are.
            detector: a name in `DETECTORS`.
            interval_seconds: of a step, where the series have numbers for time.
            max_context: see `StreamGroup`.
            options: of the detector.

        Raises:
            InputError: an option or a history that breaks a rule, or one that is too short to learn from.
        """
        kind = DETECTORS[one_of("detector", detector, tuple(DETECTORS))]
        names = LiveSeries.of(history, layout)
        detectors = {}
        for key, one in names.by_key.items():
            seconds = one.grid.interval_seconds if one.grid.counts_time else interval_seconds
            detectors[key] = kind(model, interval_seconds=seconds, **options)
            empty = np.flatnonzero(~np.isfinite(one.values).any(1))
            if len(empty):
                raise InputError(
                    f"history must hold observed values of every series, got none of {one.labels[empty[0]]}: "
                    "leave it out"
                )
        histories, times = names.histories(), names.times()
        return cls(
            WatchedStreams.begin(model, histories, times, detectors, max_context=max_context), names, forecast
        )

    def append(self, data: Any, *, late: str = "raise") -> Alarms:
        """Append the next steps of some series, and judge them by what was predicted of them.

        Args:
            data, late: as in `SeriesStream.append`.

        Returns:
            A sequence of the alarms that began; `.to_frame()` shows all steps that arrived.

        Raises:
            InputError: data of another kind, a series or a time that does not fit; nothing is appended.
        """
        values, times = self._names.arrivals(data)
        arrived = self._streams.append(values, times, late=late)
        series = {key: self._names.steps(key, one.values, one.first) for key, one in arrived.items()}
        return Alarms(arrived, series, self._names.kind)

    def forecast(self, horizon: SupportsIndex, **options: Any) -> PipelineForecast:
        """Forecast every series from its newest steps, as `SeriesStream` does; huge values are cut off."""
        group = self._streams.group
        newest = {key: self._streams.values(key) for key in self._names.by_key}
        inputs = self._names.inputs(newest, {key: group.num_steps(key) for key in newest})
        return self._forecast(inputs, horizon, context=group.max_context, **options)

    def save(self, path: str | Path) -> None:
        """Write the streams and what was learnt to a file; `TotoPipeline.load_watch` reads it.

        Raises:
            InputError: an id that is neither text nor number, or no such folder.
        """
        self._streams.group.notes["names"] = self._names.to_notes()
        self._streams.save(path)

    @classmethod
    def load(cls, path: str | Path, model: Any, forecast: Callable[..., PipelineForecast]) -> "SeriesWatch":
        """The watch of a file, to go on with a model of the same patches.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: streams without names, or that nobody watched, or a model of other patches.
        """
        streams = WatchedStreams.load(path, model)
        if "names" not in streams.group.notes:
            raise InputError(f"{path} holds the state of toto watch: go on from it with toto watch --state")
        return cls(streams, LiveSeries.from_notes(streams.group.notes["names"]), forecast)

    def __len__(self) -> int:
        """The number of series."""
        return len(self._names.by_key)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        group = self._streams.group
        steps = sum(group.num_steps(key) for key in group.ids)
        return f"SeriesWatch({len(self)} series, {steps} steps)"
