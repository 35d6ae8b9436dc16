"""Live series under their names: frames or arrays go in, scores and forecasts with names come out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex

from toto.data.forecast_frame import FrameKind
from toto.data.history_frame import history_frame
from toto.data.layout import Layout
from toto.data.regular_series import RegularSeries
from toto.errors import InputError
from toto.inference.pipeline.forecast import PipelineForecast
from toto.streaming.group import StreamGroup
from toto.streaming.live_series import LiveSeries
from toto.streaming.scores import StreamScores

_COLUMNS = ("log_prob", "surprise", "lower_tail", "upper_tail")


@dataclass(frozen=True, eq=False, repr=False)
class ArrivedScores:
    """Scores of the steps that one call appended, under their names.

    scores: of all streams that went on, [streams, variates, steps].
    series: of each of these the steps that arrived, with names and time stamps.
    """

    scores: StreamScores
    series: Sequence[RegularSeries]
    kind: FrameKind

    def to_frame(self, coverage: float = 0.99) -> Any:
        """One row per variate and step that arrived, in a frame of the kind that was given.

        Columns: id and time under their own names (`variate` beside the time of a wide frame), `value`,
        `steps_ahead`, `log_prob`, `surprise`, `lower_tail`, `upper_tail` (see `StreamScores`), and the
        interval `low` to `high` that was to hold the value with probability `coverage`.
        """
        scores = self.scores
        low, high = scores.interval(coverage)
        ahead = scores.steps_ahead[:, None].expand(scores.values.shape)
        columns = {"value": scores.values, "steps_ahead": ahead}
        columns |= {name: getattr(scores, name) for name in _COLUMNS} | {"low": low, "high": high}
        numbers = [
            {name: t[place, :, : one.values.shape[1]].cpu().numpy() for name, t in columns.items()}
            for place, one in enumerate(self.series)
        ]
        return history_frame(self.series, numbers, self.kind)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        steps = sum(one.values.shape[1] for one in self.series)
        return f"ArrivedScores({len(self.series)} series, {steps} steps)"


class SeriesStream:
    """Live series with names; the work is that of a `StreamGroup`, one stream for each series.

    Args:
        group: the streams of these series.
        names: of these, with equally many variates each.
        forecast: makes the forecast of `Inputs`.
    """

    def __init__(
        self, group: StreamGroup, names: LiveSeries, forecast: Callable[..., PipelineForecast]
    ) -> None:
        self.group = group
        self._names, self._forecast = names, forecast

    @classmethod
    def begin(
        cls,
        model: Any,
        forecast: Callable[..., PipelineForecast],
        history: Any,
        layout: Layout,
        *,
        max_context: int,
        one_step_ahead: bool,
    ) -> "SeriesStream":
        """A stream of the series in a frame, an array or a list.

        Args:
            model: a `TotoForecaster`, or what makes one.
            forecast: makes the forecast of `Inputs`.
            history: data as `TotoPipeline.forecast` takes it.
            layout: what the columns of a frame are.
            max_context, one_step_ahead: see `StreamGroup`.

        Raises:
            InputError: a history without any value or without times, series of different shapes, or steps
                that are not even.
        """
        names = LiveSeries.of(history, layout)
        group = StreamGroup(model, max_context=max_context, one_step_ahead=one_step_ahead)
        group.add(names.histories(), names.times())
        return cls(group, names, forecast)

    def append(self, data: Any, *, late: str = "raise") -> ArrivedScores:
        """Append the next steps of some series, and score them by what was predicted of them.

        Args:
            data: of a stream of frames a frame with the same columns: rows after the newest of each series,
                of all series or of some. Of a stream of arrays the next steps, in the shape of the history.
                NaN is missing, and so is a step that is left out of a frame.
            late: what to do with rows that are not later than the newest step: "raise" an error, or "drop"
                and log them.

        Raises:
            InputError: data of another kind, a series or a time that does not fit; nothing is appended.
        """
        arrived = self._names.arrivals(data)
        before = {key: self.group.num_steps(key) for key in arrived.values}
        scores = self.group.append(arrived.values, arrived.times, late=late)
        series = []
        for row, (key, first) in enumerate(before.items()):
            values = scores.values[row, :, : self.group.num_steps(key) - first].cpu().numpy()
            series.append(self._names.steps(key, values, first))
        return ArrivedScores(scores, series, self._names.kind)

    def forecast(self, horizon: SupportsIndex, **options: Any) -> PipelineForecast:
        """Forecast every series from its newest steps, as `TotoPipeline.forecast` of these steps.

        Args:
            horizon: steps to forecast.
            options: `num_samples`, `quantile_levels`, `seed`, `missing`, `keep_samples`, `joint_draws` and
                `progress` of `TotoPipeline.forecast`.

        Raises:
            InputError: an argument that breaks a rule.
        """
        newest = {key: self.group.values(key) for key in self._names.by_key}
        num_steps = {key: self.group.num_steps(key) for key in newest}
        inputs = self._names.inputs(newest, num_steps)
        return self._forecast(inputs, horizon, context=self.group.max_context, **options)

    def save(self, path: str | Path) -> None:
        """Write the stream to a file, without the model; `TotoPipeline.load_stream` reads it.

        Raises:
            InputError: an id that is neither text nor number, or no such folder.
        """
        self.group.notes["series"] = self._names.to_notes()
        self.group.save(path)

    @classmethod
    def load(cls, path: str | Path, model: Any, forecast: Callable[..., PipelineForecast]) -> "SeriesStream":
        """The stream of a file, to go on with a model of the same patches.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: streams without names, or a model of other patches.
        """
        group = StreamGroup.load(path, model)
        if "series" not in group.notes:
            raise InputError(
                f"{path} holds streams without names or a watch: load it with Stream.load, StreamGroup.load "
                "or load_watch"
            )
        return cls(group, LiveSeries.from_notes(group.notes["series"]), forecast)

    def __len__(self) -> int:
        """The number of series."""
        return len(self._names.by_key)

    def __repr__(self) -> str:
        """Counts, not numbers."""
        steps = sum(self.group.num_steps(key) for key in self._names.by_key)
        return f"SeriesStream({len(self)} series, {steps} steps)"
