"""Series as rows of a dataset whose cells are arrays, as `datasets`, GluonTS and fev have them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np
from jaxtyping import Float

from toto.errors import InputError

Transform = Callable[[Any], Any]
Rows = Float[np.ndarray, "fields steps"]


class Items(Sequence[dict[str, Any]]):
    """Series, by place or by field: `items["target"][2]` is `items[2]["target"]`.

    Fields of each: `target` [targets, time] and, where there are covariates, `feat_dynamic_real`
    [covariates, time], both in units with NaN where a value is missing; and those that are no series, as they
    were (`timestamp`, `id`, `freq`, ...).
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [dict(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...  # type: ignore[overload-overlap]
    @overload
    def __getitem__(self, key: slice) -> "Items": ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return [row[key] for row in self._rows]
        return Items(self._rows[key]) if isinstance(key, slice) else self._rows[key]

    @property
    def column_names(self) -> list[str]:
        """The fields of the first series."""
        return list(self._rows[0]) if self._rows else []


def transform_fev_dataset(
    dataset: Iterable[Mapping[str, Any]],
    target_fields: Sequence[str] = ("target",),
    target_transform_fns: Sequence[Transform] | None = None,
    ev_fields: Sequence[str] | None = None,
    ev_transform_fns: Sequence[Transform] | None = None,
) -> Items:
    """The named fields of every row, transformed and stacked as targets and covariates.

    Args:
        dataset: rows with an array for each field; a `datasets.Dataset`, or a list of dictionaries.
        target_fields: what is forecast.
        target_transform_fns: a function of the array of each target (None: as they are).
        ev_fields: covariates that are known in the future.
        ev_transform_fns: a function for each covariate (None: as they are).

    Raises:
        InputError: no rows, a field that is not there, that is no series of numbers, or of another length.
    """
    targets = _with_functions("target", target_fields, target_transform_fns)
    covariates = _with_functions("ev", ev_fields or (), ev_transform_fns)
    taken = {*targets, *covariates}
    items = Items(
        {name: value for name, value in row.items() if name not in taken}
        | {"target": _stacked(place, row, targets)}
        | ({"feat_dynamic_real": _stacked(place, row, covariates)} if covariates else {})
        for place, row in enumerate(dataset)
    )
    if not items:
        raise InputError("dataset must hold at least one series, got none")
    for place, item in enumerate(items):
        _check_lengths(place, item)
    return items


def _with_functions(
    kind: str, fields: Sequence[str], functions: Sequence[Transform] | None
) -> dict[str, Transform]:
    functions = [np.asarray] * len(fields) if functions is None else functions
    if len(functions) != len(fields):
        raise InputError(
            f"{kind}_transform_fns must hold a function for each of the {len(fields)} {kind}_fields, "
            f"got {len(functions)}"
        )
    return dict(zip(fields, functions, strict=True))


def _stacked(place: int, row: Mapping[str, Any], fields: Mapping[str, Transform]) -> Rows:
    """The fields of a row as [fields, time]."""
    series = [_series(place, row, name, function) for name, function in fields.items()]
    lengths = {name: len(values) for name, values in zip(fields, series, strict=True)}
    if len(set(lengths.values())) > 1:
        raise InputError(f"dataset, series {place}: fields must have one length, got {lengths}")
    return np.stack(series)


def _series(place: int, row: Mapping[str, Any], name: str, function: Transform) -> Float[np.ndarray, " time"]:
    if name not in row:
        raise InputError(f"dataset, series {place}: no field {name!r}; there are {', '.join(row)}")
    try:
        values = np.asarray(function(np.asarray(row[name])), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"dataset, series {place}, field {name!r}: must hold numbers: {error}") from error
    if values.ndim != 1 or not values.size:
        raise InputError(
            f"dataset, series {place}, field {name!r}: must be [time] with at least one step, "
            f"got shape {values.shape}"
        )
    return values


def _check_lengths(place: int, item: Mapping[str, Any]) -> None:
    covariates = item.get("feat_dynamic_real")
    if covariates is not None and covariates.shape[1] < item["target"].shape[1]:
        raise InputError(
            f"dataset, series {place}: covariates must be known at each of the "
            f"{item['target'].shape[1]} steps of the target, got {covariates.shape[1]}"
        )
