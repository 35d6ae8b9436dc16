"""Many series of different lengths in one call: those of one shape are forecast together.

The model attends to patches that hold padding alone, so only series of equally many patches may share
a batch; then no series changes the forecast of another.
"""

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.batch import Batch, known_values, whole_ids
from toto.inference.call import Call
from toto.inference.context import Context, prepare_context
from toto.inference.forecast import Forecast
from toto.model.backbone import TotoBackbone

Prepared = TypeVar("Prepared")


def is_list(inputs: Any) -> bool:
    """Whether `inputs` is a list of series, or another sequence of them, and not one series or batch."""
    one = isinstance(inputs, (str, bytes)) or hasattr(inputs, "_fields")  # a MaskedTimeseries is a tuple
    return isinstance(inputs, Sequence) and not one


def batches_of_one(
    inputs: Sequence[Any], known_futures: Any, series_ids: Any, backbone: TotoBackbone, horizon: int
) -> list[Batch]:
    """Every series of a list, checked, on the device of the model; see `each_series`.

    Raises:
        InputError: an entry that breaks a rule; the message says which.
    """
    ids = whole_ids(series_ids, len(inputs), backbone.device)

    def prepare(series: MaskedTimeseries, future: Any) -> tuple[Context, Tensor | None]:
        context = prepare_context(series, backbone)
        backbone.patch_groups(context.group_ids)  # it raises where groups change inside a patch
        return context, known_values(future, context, horizon)

    prepared = each_series(inputs, known_futures, prepare)
    return [Batch(*one, ids[place : place + 1]) for place, one in enumerate(prepared)]


def each_series(
    inputs: Sequence[Any], known_futures: Any, prepare: Callable[[MaskedTimeseries, Any], Prepared]
) -> list[Prepared]:
    """What `prepare(series, future)` makes of every series of a list.

    Each is [time] or [variates, time] in anything that `MaskedTimeseries.from_array` takes, or a
    `MaskedTimeseries` of one series; `known_futures` has an entry or None for each (None: none has).

    Raises:
        InputError: an entry that breaks a rule; the message says which.
    """
    futures = [None] * len(inputs) if known_futures is None else known_futures
    if not is_list(futures) or len(futures) != len(inputs):
        raise InputError(
            f"future_exogenous_variables must be a list of {len(inputs)} entries, each the values of a "
            f"series or None, got {len(futures) if is_list(futures) else type(futures).__name__}"
        )
    found: list[Prepared] = []
    for place, (entry, future) in enumerate(zip(inputs, futures, strict=True)):
        try:
            found.append(prepare(_one_series(entry), future))
        except InputError as error:
            raise InputError(f"inputs[{place}]: {error}") from error
    return found


def forecast_each(call: Call, singles: Sequence[Batch]) -> list[Forecast]:
    """The forecasts of batches of one, made in larger batches of one shape each."""
    by_shape: dict[Any, list[int]] = {}
    for place, single in enumerate(singles):
        by_shape.setdefault(_shape(single), []).append(place)
    found: dict[int, Forecast] = {}
    for places in by_shape.values():
        forecasts = _forecast_of_one_shape(call, [singles[place] for place in places])
        found.update(zip(places, forecasts, strict=True))
    return [found[place] for place in range(len(singles))]


def _forecast_of_one_shape(call: Call, singles: Sequence[Batch]) -> list[Forecast]:
    found: list[Forecast] = []
    call.in_parts(
        len(singles),
        lambda first, end: Batch.joined(singles[first:end]),
        lambda _, forecast: found.extend(_split(forecast)),
    )
    return found


def _one_series(entry: Any) -> MaskedTimeseries:
    if entry is None or isinstance(entry, (Number, np.generic)):
        raise InputError(
            f"an entry of a list must be a series, [time] or [variates, time], got {entry!r}: one series is "
            "[values] or MaskedTimeseries.from_array(values), and a missing value is NaN"
        )
    series = entry if isinstance(entry, MaskedTimeseries) else MaskedTimeseries.from_array(entry)
    if series.series.ndim == 3 and len(series.series) > 1:
        raise InputError(
            f"an entry of a list must be one series, [time] or [variates, time], "
            f"got a batch of {len(series.series)}"
        )
    return series


def _shape(single: Batch) -> tuple[Any, ...]:
    """What the series of a batch have in common."""
    series, _, ids, num_exogenous = single.context
    return series.shape, series.dtype, ids.dtype, num_exogenous, single.known_future is None


def _split(forecast: Forecast) -> list[Forecast]:
    """A forecast for each batch element, as copies: views would keep the whole batch, in files too."""
    if len(forecast.mean) == 1:
        return [forecast]

    def element(place: int) -> Callable[[Tensor], Tensor]:
        return lambda t: t[place : place + 1].clone()

    return [forecast.each(element(place)) for place in range(len(forecast.mean))]
