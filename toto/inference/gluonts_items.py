"""Items of a GluonTS dataset as series, read as they are needed."""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from pandas import Period

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError

log = logging.getLogger(__name__)


class Item(NamedTuple):
    """What a forecast needs of an entry of a dataset.

    series: the end of its target, [variates, time]; NaN is missing.
    series_id: its place in the dataset, which its randomness depends on.
    forecast_start: the period after the last step.
    item_id: its name, if it has one.
    univariate: whether the target came without a variate axis.
    """

    series: MaskedTimeseries
    series_id: int
    forecast_start: Period
    item_id: str | None
    univariate: bool


def check_dataset(dataset: Any) -> None:
    """`InputError` for what holds no entries: a number, a name, a single entry, a data frame."""
    listed = isinstance(dataset, Iterable) and not isinstance(dataset, (str, Mapping))
    if not listed or hasattr(dataset, "columns"):
        raise InputError(
            "dataset must be entries with target and start, in a list or a PandasDataset of gluonts, got "
            f"{type(dataset).__name__}"
        )


def read_batches(
    dataset: Iterable[Any], context_length: int, weigh: Callable[[Item], float], capacity: float
) -> Iterator[dict[str, list[Any]]]:
    """The items of a dataset in batches, in order: for every field of `Item`, a list.

    Args:
        dataset: entries with "target", "start" and perhaps "item_id"; read no further than asked for.
        context_length: steps at the end of a target that are kept.
        weigh: the weight of an item.
        capacity: a batch is complete when it weighs as much.

    Raises:
        InputError: an entry that breaks a rule; the message says which.
    """
    held, weight, num_empty = list[Item](), 0.0, 0
    for place, entry in enumerate(dataset):
        item = read_item(entry, place, context_length)
        num_empty += int((~item.series.padding_mask.any(-1)).sum())
        held.append(item)
        weight += weigh(item)
        if weight >= capacity:
            yield _columns(held)
            held, weight = [], 0.0
    if held:
        yield _columns(held)
    if num_empty:
        log.warning(
            "%d variates hold no real value in their last %d steps and are forecast as if they were 0 "
            "throughout",
            num_empty,
            context_length,
        )


def read_item(entry: Any, place: int, context_length: int) -> Item:
    """One entry of a dataset.

    Raises:
        InputError: no target, a target that is no numbers, or a start that is no `pandas.Period`.
    """
    try:
        values, start, item_id = entry["target"], entry["start"], entry.get("item_id")
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"dataset[{place}] must be a dictionary with target and start, got {_described(entry)}"
        ) from error
    where = f"dataset[{place}]" + ("" if item_id is None else f" (item_id {item_id!r})")
    if not isinstance(start, Period):
        raise InputError(
            f"{where}: start must be a pandas.Period, got {type(start).__name__}: "
            "pass pandas.Period(start, freq=...), or make the dataset with gluonts.dataset.common.ListDataset"
        )
    target = _as_target(values, where)
    series = MaskedTimeseries.from_array(target[..., -context_length:])
    name = None if item_id is None else str(item_id)
    return Item(series, place, _later(start, target.shape[-1]), name, target.ndim == 1)


def _as_target(values: Any, where: str) -> np.ndarray:
    """The numbers of a target, [time] or [variates, time]; None is missing, as NaN is."""
    try:
        target = np.asanyarray(values)
        if target.dtype == object:
            target = target.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{where}: target must be numbers, [time] or [variates, time], got {values!r:.60}"
        ) from error
    if target.ndim not in (1, 2) or 0 in target.shape or target.dtype.kind not in "biuf":
        raise InputError(
            f"{where}: target must be numbers, [time] or [variates, time], with at least one step, got "
            f"{target.dtype} of shape {target.shape}"
        )
    return target


def _later(period: Period, num_steps: int) -> Period:
    with warnings.catch_warnings():
        # pandas says so of every business day; who made the dataset has been told
        warnings.filterwarnings("ignore", "Period with BDay freq", FutureWarning)
        return period + num_steps


def _columns(items: list[Item]) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in zip(Item._fields, zip(*items, strict=True), strict=True)}


def _described(entry: Any) -> str:
    return f"one with {', '.join(entry) or 'nothing'}" if isinstance(entry, dict) else type(entry).__name__
