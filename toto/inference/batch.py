"""What is forecast together, checked: contexts, known futures, and the ids that randomness depends on."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from toto.errors import InputError
from toto.inference.context import Context


class Batch(NamedTuple):
    """Series of one shape, on the device of the model.

    known_future: values of the covariates over the horizon; None: they are forecast.
    series_ids: take part in the randomness of each series.
    """

    context: Context
    known_future: Float[Tensor, "batch exogenous horizon"] | None
    series_ids: Int[Tensor, " batch"]

    @property
    def num_series(self) -> int:
        """The length of the batch axis."""
        return len(self.series_ids)

    def part(self, first: int, end: int) -> "Batch":
        """Some of the series, as views."""
        series, observed, ids, num_exogenous = self.context
        known = None if self.known_future is None else self.known_future[first:end]
        context = Context(series[first:end], observed[first:end], ids[first:end], num_exogenous)
        return Batch(context, known, self.series_ids[first:end])

    @classmethod
    def joined(cls, batches: Sequence["Batch"]) -> "Batch":
        """The series of batches of one shape."""
        series, observed, ids, num_exogenous = zip(*(batch.context for batch in batches), strict=True)
        known = [batch.known_future for batch in batches if batch.known_future is not None]
        return cls(
            Context(torch.cat(series), torch.cat(observed), torch.cat(ids), num_exogenous[0]),
            torch.cat(known) if known else None,
            torch.cat([batch.series_ids for batch in batches]),
        )


def warn_of_empty_variates(batches: Sequence[Batch], place: str) -> None:
    """One warning for all variates without any real value; `place` is the name of series number {}."""
    has_values = [variates for batch in batches for variates in batch.context.observed.any(-1).tolist()]
    empty = [(i, v) for i, variates in enumerate(has_values) for v, some in enumerate(variates) if not some]
    if empty:
        warnings.warn(
            f"{len(empty)} of {sum(map(len, has_values))} variates hold no real value (first: "
            f"{place.format(empty[0][0])}, variate {empty[0][1]}) and are forecast as if they were 0 "
            "throughout: leave them out",
            stacklevel=3,
        )


def known_values(values: Any, context: Context, horizon: int) -> Tensor | None:
    """Known values of the covariates [batch, covariates, horizon], on the device of the context.

    Raises:
        InputError: no numbers, no covariates, another shape, or values that are not known at every step.
    """
    if values is None:
        return None
    try:
        values = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"future_exogenous_variables must be an array of numbers: {error}") from error
    values = values[None] if values.ndim == 2 else values
    batch, covariates = context.series.shape[0], context.num_exogenous_variables
    if covariates == 0:
        raise InputError(
            "future_exogenous_variables needs inputs with num_exogenous_variables above 0, got 0"
        )
    if values.ndim != 3 or values.shape[:2] != (batch, covariates) or values.shape[2] < horizon:
        raise InputError(
            f"future_exogenous_variables must be [batch, covariates, horizon] = "
            f"{(batch, covariates, horizon)}, or reach beyond the horizon, got {tuple(values.shape)}"
        )
    if not bool(values.isfinite().all()):
        raise InputError("future_exogenous_variables must be known at every step, got NaN or infinite values")
    return values[..., :horizon].to(context.series)


def whole_ids(ids: Any, num_series: int, device: torch.device) -> Int[Tensor, " batch"]:
    """The ids of all series; None: their places.

    Raises:
        InputError: other than one whole number from 0 to 2^32 - 1 for each series.
    """
    try:
        given = torch.arange(num_series) if ids is None else torch.as_tensor(ids)
        whole = given.dtype is not torch.bool and not (given.is_floating_point() or given.is_complex())
        numbers = given.long()
    except (TypeError, ValueError, RuntimeError):
        whole = False
    if not whole or numbers.shape != (num_series,) or not bool(((numbers >= 0) & (numbers < 2**32)).all()):
        raise InputError(
            "series_ids must hold a whole number from 0 to 2^32 - 1 for each series, in all "
            f"{num_series}, got {ids}"
        )
    return numbers.to(device)
