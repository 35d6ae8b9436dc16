"""A live series: append what arrives, see how probable it was, forecast, save, go on."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.forecast import Forecast
from toto.inference.quantile_forecast import QuantileForecast
from toto.streaming.clock import Clock
from toto.streaming.group import StreamGroup
from toto.streaming.scores import StreamScores

_ONLY: Hashable = None  # the id of a stream by itself


class Stream:
    """One series that goes on, and the state that makes each new step cheap; many are a `StreamGroup`.

    Args:
        model: a `Toto`, its backbone, a `Toto2Model`, or a forecaster of one.
        history: [time] or [variates, time] in anything that `MaskedTimeseries.from_array` takes, or a
            `MaskedTimeseries` of one series; at least one step. NaN is missing.
        times: a time per step of the history, if times are to be given later: dates or numbers.
        max_context, one_step_ahead: see `StreamGroup`.

    Raises:
        InputError: an argument that breaks a rule; the message names it.
    """

    def __init__(
        self,
        model: Any,
        history: Any,
        times: Any = None,
        *,
        max_context: int = 4096,
        one_step_ahead: bool = False,
    ) -> None:
        self._group = StreamGroup(model, max_context=max_context, one_step_ahead=one_step_ahead)
        self._group.add({_ONLY: history}, {_ONLY: times})

    def append(self, values: Any, times: Any = None, *, late: str = "raise") -> StreamScores:
        """Append the next steps and score them, as one stream; see `StreamGroup.append`."""
        return self._group.append({_ONLY: values}, {_ONLY: times}, late=late)

    def forecast(
        self, horizon: int, num_samples: int | None = None, **options: Any
    ) -> Forecast | QuantileForecast:
        """Forecast from the newest steps; see `StreamGroup.forecast`."""
        return self._group.forecast(horizon, num_samples, **options)[_ONLY]

    @property
    def notes(self) -> dict[str, Any]:
        """Anything that JSON holds, to be saved with the stream: names of variates, say."""
        return self._group.notes

    @property
    def clock(self) -> Clock | None:
        """The times of the steps; None for a stream without."""
        return self._group.clock(_ONLY)

    @property
    def num_steps(self) -> int:
        """Steps so far, with those of the history."""
        return self._group.num_steps(_ONLY)

    @property
    def newest(self) -> MaskedTimeseries:
        """The newest steps, up to max_context of them: what forecasts are made from."""
        return self._group.newest(_ONLY)

    def save(self, path: str | Path) -> None:
        """Write the stream to a file, without the model; see `StreamGroup.save`."""
        self._group.save(path)

    @classmethod
    def load(cls, path: str | Path, model: Any) -> "Stream":
        """The stream of a file, to go on with a model of the same patches; see `StreamGroup.load`.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: several streams, or a model of other patches.
        """
        group = StreamGroup.load(path, model)
        if group.ids != (_ONLY,):
            raise InputError(f"{path} holds a group of {len(group)} streams: load it with StreamGroup.load")
        stream = cls.__new__(cls)
        stream._group = group
        return stream
