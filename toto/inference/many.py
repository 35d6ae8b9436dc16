"""Many series of different lengths in one call: those of one shape are forecast together.

The model attends to patches that hold padding alone, so only series of equally many patches may share
a batch; then no series changes the forecast of another.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.batch import Batch, known_values, whole_ids
from toto.inference.context import Context, prepare_context
from toto.inference.forecast import Forecast
from toto.inference.recovery import in_parts
from toto.model.backbone import TotoBackbone


def is_list(inputs: Any) -> bool:
    """Whether `inputs` is a list of series, or another sequence of them, and not one series or batch."""
    one = isinstance(inputs, (str, bytes)) or hasattr(inputs, "_fields")  # a MaskedTimeseries is a tuple
    return isinstance(inputs, Sequence) and not one


def as_batches_of_one(
    inputs: Sequence[Any], known_futures: Any, series_ids: Any, backbone: TotoBackbone, horizon: int
) -> list[Batch]:
    """Every series of a list, checked, on the device of the model.

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
    ids = whole_ids(series_ids, len(inputs), backbone.device)
    batches: list[Batch] = []
    said: list[tuple[int, Warning | str]] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for place, (entry, future) in enumerate(zip(inputs, futures, strict=True)):
            try:
                context = _one_context(entry, backbone)
                known = known_values(future, context, horizon)
            except InputError as error:
                raise InputError(f"inputs[{place}]: {error}") from error
            batches.append(Batch(context, known, ids[place : place + 1]))
            said += [(place, warning.message) for warning in caught[len(said) :]]
    if said:
        further = f" (and {len(said) - 1} more like it)" if said[1:] else ""
        warnings.warn(f"inputs[{said[0][0]}]: {said[0][1]}{further}", stacklevel=3)
    return batches


def forecast_together(
    singles: Sequence[Batch],
    at_once: Callable[[Batch, int], int],
    forecast: Callable[[Batch, int], Forecast],
) -> list[Forecast]:
    """The forecasts of batches of one, made in larger batches of one shape each.

    Args:
        singles: the series.
        at_once: called as at_once(single, number) with one of so many series of a shape: how many of
            them a batch may hold. Batches that run out of memory are halved.
        forecast: called as forecast(batch, number of series that are done).
    """
    by_shape: dict[Any, list[int]] = {}
    for place, single in enumerate(singles):
        by_shape.setdefault(_shape(single), []).append(place)
    found: dict[int, Forecast] = {}
    for places in by_shape.values():
        done = len(found)

        def run(first: int, end: int, places: list[int] = places, done: int = done) -> None:
            together = forecast(_joined([singles[place] for place in places[first:end]]), done + first)
            found.update(zip(places[first:end], _split(together), strict=True))

        in_parts(len(places), at_once(singles[places[0]], len(places)), "series", run)
    return [found[place] for place in range(len(singles))]


def _one_context(entry: Any, backbone: TotoBackbone) -> Context:
    series = entry if isinstance(entry, MaskedTimeseries) else MaskedTimeseries.from_array(entry)
    context = prepare_context(series, backbone)
    if len(context.series) != 1:
        raise InputError(
            f"an entry of a list must be one series, [time] or [variates, time], "
            f"got a batch of {len(context.series)}"
        )
    backbone.patch_groups(context.group_ids)  # it raises where groups change inside a patch
    return context


def _shape(single: Batch) -> tuple[Any, ...]:
    """What the series of a batch have in common."""
    series, _, ids, num_exogenous = single.context
    return series.shape, series.dtype, ids.dtype, num_exogenous, single.known_future is None


def _joined(singles: Sequence[Batch]) -> Batch:
    series, observed, ids, num_exogenous = zip(*(single.context for single in singles), strict=True)
    known = [single.known_future for single in singles if single.known_future is not None]
    return Batch(
        Context(torch.cat(series), torch.cat(observed), torch.cat(ids), num_exogenous[0]),
        torch.cat(known) if known else None,
        torch.cat([single.series_ids for single in singles]),
    )


def _split(forecast: Forecast) -> list[Forecast]:
    """A forecast for each batch element, as copies: views would keep the whole batch, in files too."""
    if len(forecast.mean) == 1:
        return [forecast]

    def element(place: int) -> Callable[[Tensor], Tensor]:
        return lambda t: t[place : place + 1].clone()

    return [forecast.each(element(place)) for place in range(len(forecast.mean))]
