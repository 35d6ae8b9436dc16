"""One live series: what it was given, where its patches lie, and which points it takes."""

import logging
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.streaming.clock import Clock, Steps, as_stamps
from toto.streaming.record import Record, Values

logger = logging.getLogger(__name__)

_MOST_LEFT_OUT = 10_000_000  # steps of a history: more are a wrong stamp


class History(NamedTuple):
    """A series before it goes on, checked: NaN where missing, on the grid of its clock if it has one."""

    values: Values
    group_ids: Shaped[Tensor, " variates"]
    num_exogenous_variables: int
    clock: Clock | None

    @classmethod
    def of(cls, history: Any, times: Any = None) -> "History":
        """What `MaskedTimeseries.from_array` takes, or a `MaskedTimeseries`; a time per step, or none.

        Raises:
            InputError: not one series, no real value at all, group ids that change, or times that do not fit.
        """
        series = history if isinstance(history, MaskedTimeseries) else MaskedTimeseries.from_array(history)
        one = series.series[0] if series.series.ndim == 3 and len(series.series) == 1 else series.series
        if one.ndim != 2 or 0 in one.shape:
            raise InputError(
                f"history must be one series, [time] or [variates, time] with at least one step, "
                f"got shape {tuple(series.series.shape)}"
            )
        ids = series.id_mask.reshape(-1, series.id_mask.shape[-1])
        if bool((ids != ids[:, :1]).any()):
            raise InputError(
                "id_mask of a history must be the same at all steps: a stream has one group per variate"
            )
        mask = series.padding_mask.reshape(one.shape).bool()
        values = _usable(torch.where(mask, one.double(), torch.nan).cpu().numpy())
        if np.isnan(values).all():
            raise InputError(
                f"history holds no real value in {values.shape[1]} steps of {len(values)} variates: "
                "begin the stream when there is one"
            )
        clock = None if times is None else Clock.of(times)
        if clock is not None:
            values, clock = _on_grid(clock, values, times)
        return cls(values, ids[:, 0].expand(len(values)).cpu(), series.num_exogenous_variables, clock)


class Member:
    """One stream of a group.

    Steps count from the first of the history. `start` is the first step of the oldest encoded patch (below 0
    where it is padded on the left), `encoded` the end of the newest one, and `anchored` the step before which
    global statistics were taken.
    """

    def __init__(self, number: int, slot: int, history: History, keep: int) -> None:
        self.number = number  # takes part in the randomness of its forecasts
        self.slot = slot
        self.group_ids = history.group_ids
        self.clock = history.clock
        self.record = Record(history.values, keep)
        self.start = self.anchored = self.encoded = 0
        self._is_late = False  # the newest point that came was late

    @property
    def pending(self) -> int:
        """Steps after the newest encoded patch."""
        return self.record.length - self.encoded

    def arrival(self, values: Any, times: Any, late: str) -> Values:
        """The next steps that these values are, with missing ones where times leave gaps.

        Raises:
            InputError: another number of variates, times that do not fit, or points that come too late.
        """
        num_variates = len(self.group_ids)
        steps = _as_steps(values, num_variates)
        if times is None:
            return steps
        if self.clock is None:
            raise InputError("times need a stream that knows its own: give those of the history as it begins")
        places, clock = self._places(times, steps.shape[1])
        before = np.maximum.accumulate(np.concatenate([[self.record.length - 1], places[:-1]]))
        taken = places > before
        if not taken.all():
            self._report_late(times, taken, late)
            places, steps = places[taken], steps[:, taken]
        self._is_late = bool(len(taken)) and not taken[-1]
        if not len(places):
            return steps
        gap = int(np.diff(places, prepend=self.record.length - 1).max())
        if gap > self.record.keep:
            raise InputError(
                f"times must not leave a gap longer than the {self.record.keep} steps that the stream "
                f"remembers, got one of {gap} steps: begin a new stream"
            )
        arrived = np.full((num_variates, int(places[-1]) + 1 - self.record.length), np.nan)
        arrived[:, places - self.record.length] = steps
        self.clock = clock
        return arrived

    def _places(self, times: Any, num_steps: int) -> tuple[Steps, Clock]:
        assert self.clock is not None
        places, clock = self.clock.follow(times, self.record.length - 1)
        if len(places) != num_steps:
            raise InputError(f"times must be one for each of {num_steps} steps of values, got {len(places)}")
        return places, clock

    def _report_late(self, times: Any, taken: Shaped[np.ndarray, " steps"], late: str) -> None:
        assert self.clock is not None
        number, first = int((~taken).sum()), as_stamps(times)[int((~taken).argmax())]
        newest = self.clock.time(self.record.length - 1)
        if late == "raise":
            raise InputError(
                f"times must be later than the newest step ({newest}) and than each other: {number} of "
                f"{len(taken)} are late or given before, the first {first}; nothing was appended "
                '(late="drop" leaves such points out)'
            )
        if self._is_late and not taken.any():  # one of a run of calls, of which the first was reported
            return
        logger.warning(
            "%d of %d points are late or given before and are left out, the first: %s",
            number,
            len(taken),
            first,
        )


def _as_steps(values: Any, num_variates: int) -> Values:
    """[variates, steps] of what is given; without an axis of steps it is one step."""
    given = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    try:
        steps = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"values must be an array of numbers: {error}") from error
    if steps.ndim == 0 or (steps.ndim == 1 and num_variates > 1):
        steps = steps.reshape(-1, 1)
    steps = steps[None] if steps.ndim == 1 else steps
    if steps.ndim != 2 or len(steps) != num_variates:
        raise InputError(
            f"values must be [variates, steps] with {num_variates} variates, as the history, "
            f"got shape {np.shape(given)}"
        )
    return _usable(steps)


def _usable(values: Values) -> Values:
    """Values, with those missing that are not finite or too large for float32: no statistics survive them."""
    return np.where(np.abs(values) < np.finfo(np.float32).max / 2, values, np.nan)


def _on_grid(
    clock: Clock, values: Values, times: Any
) -> tuple[Float[np.ndarray, "variates all_steps"], Clock]:
    places, clock = clock.follow(times)
    if len(places) != values.shape[1]:
        raise InputError(
            f"times must be one for each of {values.shape[1]} steps of history, got {len(places)}"
        )
    if (np.diff(places) <= 0).any():
        raise InputError(
            f"times of a history must be {clock.interval} apart, as most of them are, or a multiple of that"
        )
    left_out = int(places[-1]) + 1 - len(places)
    if left_out > _MOST_LEFT_OUT:
        longest = int(np.diff(places).argmax())
        raise InputError(
            f"times of a history must leave out at most {_MOST_LEFT_OUT:,} steps of {clock.interval}, got "
            f"{left_out:,}, most of them before step {longest + 1}: correct the stamps, or begin there"
        )
    on_grid = np.full((len(values), int(places[-1]) + 1), np.nan)
    on_grid[:, places] = values
    return on_grid, clock
