"""Series as the model takes them: values, which of them are real, and who belongs together."""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from toto.errors import InputError


class MaskedTimeseries(NamedTuple):
    """One multivariate series [variates, time], or a batch of them [batch, variates, time].

    series: values in their own units; NaN and infinite values are missing, as masked ones are.
    padding_mask: True (or 1) where a value is real. The name says the opposite; it is that of
        published code.
    id_mask: group ids; variates with equal ids see each other. The time axis may have length 1,
        the variate axis too.
    timestamp_seconds, time_interval_seconds: accepted for published code; the model reads neither.
    num_exogenous_variables: how many of the last variates are covariates.
    """

    series: Shaped[Tensor, "*batch variates time"]
    padding_mask: Shaped[Tensor, "*batch variates time"]
    id_mask: Shaped[Tensor, "*batch #variates #time"]
    timestamp_seconds: Shaped[Tensor, "*batch variates time"]
    time_interval_seconds: Shaped[Tensor, "*batch variates"]
    num_exogenous_variables: int = 0

    def to(self, device: torch.device | str) -> "MaskedTimeseries":
        """The same series with all tensors on `device`."""
        return _to(self, device)

    @classmethod
    def from_array(
        cls,
        values: Any,
        observed: Any = None,
        group_ids: Any = None,
        interval_seconds: float | int = 1,
        num_exogenous_variables: int = 0,
    ) -> "MaskedTimeseries":
        """A series from anything that numpy or torch understands.

        Args:
            values: [time], [variates, time] or [batch, variates, time]; NaN means missing, and so
                do None and the mask of a masked array. Whole numbers become float64.
            observed: True where a value is real, in the shape of `values` (None: where finite).
            group_ids: one whole number per variate, [variates] or [batch, variates]; variates of
                equal id see each other, others never do (None: all variates are one group).
            interval_seconds: time between steps; kept, not read by the model.
            num_exogenous_variables: how many of the last variates are covariates.

        Raises:
            InputError: a data frame, wrong number of axes, no steps, or shapes that do not fit.
        """
        series = _as_series(values)
        mask = series.isfinite()
        if observed is not None:
            mask = mask & _as_mask(observed, series)
        rows = series.shape[:-1]
        ids = _as_ids(group_ids, series)
        seconds = torch.arange(series.shape[-1], device=series.device) * interval_seconds
        return cls(
            series=series,
            padding_mask=mask,
            id_mask=ids[..., None].expand(series.shape),
            timestamp_seconds=seconds.expand(series.shape),
            time_interval_seconds=torch.full(rows, interval_seconds, device=series.device),
            num_exogenous_variables=num_exogenous_variables,
        )


class CausalMaskedTimeseries(NamedTuple):
    """A series with the steps that are given and those that are to be predicted, for training.

    `input_slice` and `target_slice` are slices of the time axis; the other fields are those of
    `MaskedTimeseries`.
    """

    series: Shaped[Tensor, "*batch variates time"]
    padding_mask: Shaped[Tensor, "*batch variates time"]
    id_mask: Shaped[Tensor, "*batch #variates #time"]
    timestamp_seconds: Shaped[Tensor, "*batch variates time"]
    time_interval_seconds: Shaped[Tensor, "*batch variates"]
    input_slice: slice
    target_slice: slice
    num_exogenous_variables: int = 0

    def to(self, device: torch.device | str) -> "CausalMaskedTimeseries":
        """The same series with all tensors on `device`."""
        return _to(self, device)


def _to(series: Any, device: torch.device | str) -> Any:
    return type(series)(*(field.to(device) if isinstance(field, Tensor) else field for field in series))


def _as_series(values: Any) -> Shaped[Tensor, "*batch variates time"]:
    """Values as floats with a variate axis."""
    if hasattr(values, "columns"):
        raise InputError(
            "values must be [variates, time], got a data frame, which has time along its rows: "
            "pass frame[columns].to_numpy().T"
        )
    series = _as_tensor("values", values, none_is_missing=True)
    if series.is_complex():
        raise InputError(f"values must be real numbers, got {series.dtype}")
    if not series.is_floating_point():
        series = series.double()  # float32 would round counters beyond 2^24
    series = series[None] if series.ndim == 1 else series
    if series.ndim not in (2, 3) or 0 in series.shape:
        raise InputError(
            f"values must be [time], [variates, time] or [batch, variates, time] with at least one step, "
            f"got shape {tuple(np.shape(values))}"
        )
    return series


def _as_mask(observed: Any, series: Tensor) -> Bool[Tensor, "*batch variates time"]:
    """The given mask in the shape of a series."""
    mask = _as_tensor("observed", observed).bool()
    mask = mask[None] if mask.ndim == 1 else mask
    if mask.shape != series.shape:
        raise InputError(
            f"observed must have the shape of values {tuple(series.shape)}, got {tuple(mask.shape)}"
        )
    return mask.to(series.device)


def _as_ids(group_ids: Any, series: Tensor) -> Shaped[Tensor, "*batch variates"]:
    """An id for every variate; one group if none are given."""
    rows = series.shape[:-1]
    if group_ids is None:
        return torch.zeros(rows, dtype=torch.long, device=series.device)
    ids = _as_tensor("group_ids", group_ids)
    if ids.shape not in (rows, rows[-1:]):
        raise InputError(f"group_ids must hold {rows[-1]} ids, one per variate, got shape {tuple(ids.shape)}")
    return ids.to(series.device).expand(rows)


def _as_tensor(name: str, values: Any, none_is_missing: bool = False) -> Tensor:
    if isinstance(values, Tensor):
        return values
    try:
        array = (
            np.ma.filled(values.astype(float), np.nan) if np.ma.isMaskedArray(values) else np.array(values)
        )
        if none_is_missing and array.dtype == object:
            array = array.astype(float)  # None becomes NaN
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))  # a copy, as processors count
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be an array of numbers, got {type(values).__name__}: {error}"
        ) from error
