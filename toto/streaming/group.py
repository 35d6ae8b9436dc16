"""Many live series in one object: each goes on at its own pace, and they are computed together."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.arguments import count, flag, one_of
from toto.inference.forecast import Forecast
from toto.inference.forecaster import dropout_off
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.models import forecaster_of
from toto.inference.quantile_forecast import QuantileForecast
from toto.kernels import accumulation_dtype
from toto.streaming.clock import Clock
from toto.streaming.encoders import encoder_of, grid_of
from toto.streaming.engine import Engine
from toto.streaming.files import read_streams, write_streams
from toto.streaming.member import History, Member
from toto.streaming.record import Values
from toto.streaming.scores import StreamScores

LATE = ("raise", "drop")  # what is done with late points


class StreamGroup:
    """Independent live series of one shape, from a few to many thousands.

    Args:
        model: a `Toto`, its backbone, a `Toto2Model`, or a forecaster of one.
        max_context: steps that a stream remembers. When its patches fill them, it drops the older half and
            encodes the rest anew: every step is encoded twice, and at least half of max_context is seen.
        one_step_ahead: True scores every step by a prediction made from all steps before it, for one token
            of work per step; False by the prediction of its patch, for one token per patch.

    Raises:
        InputError: no model, a max_context below two patches, or a one_step_ahead that is no bool.
    """

    def __init__(self, model: Any, *, max_context: int = 4096, one_step_ahead: bool = False) -> None:
        self.forecaster = forecaster_of(model)
        self.backbone = self.forecaster.model
        self.max_context = count("max_context", max_context)
        self._grid = grid_of(self.forecaster, self.max_context)
        if self.max_context < 2 * self._grid.patch_size:
            raise InputError(
                f"max_context must hold two patches of {self._grid.patch_size} steps, got {max_context} steps"
            )
        self.one_step_ahead = flag("one_step_ahead", one_step_ahead)
        self.notes: dict[str, Any] = {}  # anything that JSON holds, to be saved with the streams
        self._members: dict[Hashable, Member] = {}
        self._free: list[int] = []  # slots that others left
        self._num_added = 0
        self._engine: Engine | None = None  # made for the shape of the first stream

    def __len__(self) -> int:
        return len(self._members)

    @property
    def ids(self) -> tuple[Hashable, ...]:
        """The streams, in the order in which they were added."""
        return tuple(self._members)

    def add(self, histories: Mapping[Any, Any], times: Mapping[Any, Any] | None = None) -> None:
        """Begin streams.

        The patches of a stream lie so that one ends with its history: what it predicts then is what a
        forecast of that history predicts. Of a history longer than max_context the newest steps are taken.

        Args:
            histories: id -> [time] or [variates, time] in anything that `MaskedTimeseries.from_array` takes,
                or a `MaskedTimeseries` of one series. All have equally many variates; NaN is missing.
            times: id -> a time per step; needed by streams that are to be given times later.

        Raises:
            InputError: an id that is there already, or a history that breaks a rule; nothing is added.
        """
        _check_by_id("histories", histories)
        _check_by_id("times", {} if times is None else times)
        known = sorted(map(repr, set(histories) & set(self._members)))
        if known:
            raise InputError(f"histories must be of new streams, got {known[0]}: remove it first")
        found = {}
        for key, history in histories.items():
            with _named(key):
                found[key] = History.of(history, None if times is None else times.get(key))
        engine = self._engine_for(found)
        keep = self.max_context + self._grid.patch_size
        for key, history in found.items():
            slot = self._free.pop(0) if self._free else len(self._members)
            member = self._members[key] = Member(self._num_added, slot, history, keep)
            self._num_added += 1
            self._grid.begin(member)
        with torch.no_grad(), dropout_off(self.backbone):
            engine.begin([self._members[key] for key in found])

    def remove(self, ids: Iterable[Any]) -> None:
        """Forget streams; their memory serves those that are added later.

        Raises:
            InputError: no such stream.
        """
        gone = dict.fromkeys(ids)
        self._free = sorted([*self._free, *(self._member(key).slot for key in gone)])
        for key in gone:
            del self._members[key]

    def append(
        self, values: Mapping[Any, Any], times: Mapping[Any, Any] | None = None, *, late: str = "raise"
    ) -> StreamScores:
        """Append the next steps of some streams, and score them.

        Args:
            values: id -> [variates, steps], [steps] of one variate, or a single step; any number of steps.
                NaN is missing.
            times: id -> a time for each step. They may leave gaps, which become missing steps. A point that
                is not later than the newest step, or than one before it in the same call, is late.
            late: what to do with such points: "raise" an error, or "drop" and log them.

        Raises:
            InputError: no such stream, another number of variates, or times that break a rule. Then
                nothing is appended to any stream.
        """
        one_of("late", late, LATE)
        _check_by_id("values", values)
        _check_by_id("times", {} if times is None else times)
        arrived: dict[Hashable, Values] = {}
        for key, given in values.items():
            member = self._member(key)
            with _named(key):
                arrived[key] = member.arrival(given, None if times is None else times.get(key), late)
        if self._engine is None or not arrived:
            raise InputError("values must hold steps of at least one stream, got none")
        members = [self._members[key] for key in arrived]
        with torch.no_grad(), dropout_off(self.backbone):
            prediction, steps_ahead = self._engine.append(members, list(arrived.values()))
        targets = self._engine.num_variates - self._engine.num_exogenous_variables
        prediction = prediction.each(lambda t: t[:, :targets])
        longest = max(steps.shape[1] for steps in arrived.values())
        device = self._engine.encoder.device
        scored = torch.full((len(arrived), targets, longest), torch.nan, dtype=accumulation_dtype(device))
        for row, steps in zip(scored, arrived.values(), strict=True):
            row[:, : steps.shape[1]] = torch.from_numpy(steps[:targets])
        return StreamScores(tuple(arrived), scored.to(device), steps_ahead, prediction.distribution())

    def forecast(
        self,
        horizon: int,
        num_samples: int | None = None,
        *,
        ids: Iterable[Any] | None = None,
        **options: Any,
    ) -> dict[Any, Forecast] | dict[Any, QuantileForecast]:
        """Forecast streams from all their newest steps, up to max_context of them.

        The context is encoded anew so that its last patch ends with the newest step: what is in the cache
        knows nothing of a patch that is not full, and forecasts from it are much less accurate.

        Args:
            horizon, num_samples, options: as in `TotoForecaster.forecast`; of a model that predicts quantiles
                horizon and options as in `Toto2Forecaster.forecast`.
            ids: which streams (None: all).

        Raises:
            InputError: no such stream, none at all, or an argument that breaks a rule.
        """
        keys = list(self._members if ids is None else ids)
        if not keys:
            raise InputError("ids must name at least one stream, got none")
        numbers = [self._member(key).number for key in keys]
        series = [self.newest(key) for key in keys]
        if isinstance(self.forecaster, Toto2Forecaster):
            if num_samples is not None:
                raise InputError(
                    f"num_samples must be None for a model of quantiles, got {num_samples}: it draws no paths"
                )
            return dict(zip(keys, self.forecaster.forecast(series, horizon, **options), strict=True))
        found = self.forecaster.forecast(series, horizon, num_samples, series_ids=numbers, **options)
        return dict(zip(keys, found, strict=True))

    def newest(self, key: Any) -> MaskedTimeseries:
        """The newest steps of a stream, up to max_context of them: what its forecasts are made from.

        Raises:
            InputError: no such stream.
        """
        num_exogenous = 0 if self._engine is None else self._engine.num_exogenous_variables
        return MaskedTimeseries.from_array(
            self.values(key), group_ids=self._member(key).group_ids, num_exogenous_variables=num_exogenous
        )

    def values(self, key: Any) -> Values:
        """The newest values of a stream, up to max_context steps of them; NaN where missing.

        Raises:
            InputError: no such stream.
        """
        return self._member(key).record.newest(self.max_context)

    def clock(self, key: Any) -> Clock | None:
        """The times of a stream's steps; None for one without."""
        return self._member(key).clock

    def num_steps(self, key: Any) -> int:
        """Steps of a stream so far, with those of its history."""
        return self._member(key).record.length

    def save(self, path: str | Path) -> None:
        """Write all streams to one file, without the model: values and places of patches, no pickle.

        Raises:
            InputError: an id that is neither text nor whole number, or no such folder.
        """
        settings = {
            "max_context": self.max_context,
            "one_step_ahead": self.one_step_ahead,
            "patch_size": self._grid.patch_size,
            "stride": self._grid.stride,
            "num_exogenous_variables": 0 if self._engine is None else self._engine.num_exogenous_variables,
            "num_added": self._num_added,
            "notes": self.notes,
        }
        write_streams(Path(path), settings, self._members)

    @classmethod
    def load(cls, path: str | Path, model: Any) -> "StreamGroup":
        """The streams of a file, encoded anew: by the model that they had, or any other with such patches.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: a model of other patches.
        """
        settings, members = read_streams(Path(path))
        group = cls(model, max_context=settings["max_context"], one_step_ahead=settings["one_step_ahead"])
        grid = group._grid
        if (grid.patch_size, grid.stride) != (settings["patch_size"], settings["stride"]):
            raise InputError(
                f"{path} holds streams with patches of {settings['patch_size']} steps every "
                f"{settings['stride']}, but those of the model are {grid.patch_size} every {grid.stride}: "
                "load it with such a model, or begin new streams with these values as their history"
            )
        group.notes = settings["notes"]
        group._num_added, group._members = settings["num_added"], members
        if members:
            num_variates = len(next(iter(members.values())).group_ids)
            group._engine = group._new_engine(num_variates, settings["num_exogenous_variables"])
            with torch.no_grad(), dropout_off(group.backbone):
                group._engine.begin(list(members.values()))
        return group

    def _member(self, key: Any) -> Member:
        if key not in self._members:
            raise InputError(f"there is no stream {key!r}; there are {len(self)}: add it with its history")
        return self._members[key]

    def _engine_for(self, histories: Mapping[Any, History]) -> Engine:
        """The engine, made for the shape of these histories if there is none yet.

        Raises:
            InputError: no history, or one of another shape.
        """
        shapes = {k: (len(h.values), h.num_exogenous_variables) for k, h in histories.items()}
        if not shapes:
            raise InputError("histories must hold at least one stream, got none")
        held = next(iter(shapes.values()))
        if self._engine is not None:
            held = self._engine.num_variates, self._engine.num_exogenous_variables
        for key, shape in shapes.items():
            if shape != held:
                raise InputError(
                    f"stream {key!r}: a group holds streams of one shape, {held[0]} variates of which "
                    f"{held[1]} are covariates, got {shape[0]} and {shape[1]}: use another group"
                )
        if self._engine is None:
            self._engine = self._new_engine(*held)
        return self._engine

    def _new_engine(self, num_variates: int, num_exogenous_variables: int) -> Engine:
        encoder = encoder_of(self.forecaster, num_variates, self._grid.max_steps)
        return Engine(encoder, self._grid, num_exogenous_variables, self.one_step_ahead)


def _check_by_id(name: str, given: Any) -> None:
    """Tables of pandas and others, with streams as columns, do as well as a dict."""
    if not (hasattr(given, "items") and hasattr(given, "get")):
        raise InputError(
            f"{name} must be by stream, a dict such as {{'host-1': ...}}, got {type(given).__name__}: "
            "a series by itself is a Stream"
        )


@contextmanager
def _named(key: Hashable) -> Iterator[None]:
    """What goes wrong, with the id of the stream; one by itself has none."""
    try:
        yield
    except InputError as error:
        raise error if key is None else InputError(f"stream {key!r}: {error}") from error
