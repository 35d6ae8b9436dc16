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


def known_values(
    values: Any, context: Context, horizon: int
) -> Float[Tensor, "batch covariates horizon"] | None:
    """Known values of the covariates, on the device of the context.

    Raises:
        InputError: no numbers, no covariates, another shape, or values that are not known at every step.
    """
    if values is None:
        return None
    given = _futures(values, context, (horizon, "horizon"), "reach beyond the horizon")
    if not bool(given.isfinite().all()):
        raise InputError("future_exogenous_variables must be known at every step, got NaN or infinite values")
    return given[..., :horizon].to(context.series)


def partly_known_values(
    values: Any, context: Context, horizon: int
) -> Float[Tensor, "batch covariates horizon"] | None:
    """As `known_values`, of any number of steps; NaN where nothing is known.

    Raises:
        InputError: no numbers, no covariates, or another shape.
    """
    if values is None:
        return None
    given = _futures(values, context, (0, "steps"), "fewer where not all are known")
    known = context.series.new_full((*given.shape[:2], horizon), torch.nan)
    known[..., : given.shape[2]] = given[..., :horizon].to(known)
    return known


def _futures(values: Any, context: Context, least: tuple[int, str], or_else: str) -> Tensor:
    """Values [batch, covariates, steps] as a tensor; `least` is the least number of steps, and its name."""
    try:
        given = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"future_exogenous_variables must be an array of numbers: {error}") from error
    given = given[None] if given.ndim == 2 else given
    batch, covariates, (steps, name) = context.series.shape[0], context.num_exogenous_variables, least
    if covariates == 0:
        raise InputError(
            "future_exogenous_variables needs inputs with num_exogenous_variables above 0, got 0"
        )
    if given.ndim != 3 or given.shape[:2] != (batch, covariates) or given.shape[2] < steps:
        numbers = f"({batch}, {covariates}, {steps or name})"
        raise InputError(
            f"future_exogenous_variables must be [batch, covariates, {name}] = {numbers}, or {or_else}, "
            f"got {tuple(given.shape)}"
        )
    return given


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
