"""What is told, in the log, of series that a model can make little of."""

import logging
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from toto.data.regular_series import RegularSeries
from toto.inference.models import Forecaster, Model, draws_paths

log = logging.getLogger(__name__)

_FLAT = 0.1


def note_empty(series: Sequence[RegularSeries], context: int) -> None:
    """Name the rows without a value in the last `context` steps."""
    empty = [label for label, values in _rows(series, context) if np.isnan(values).all()]
    if empty:
        log.warning(
            "%s: no value in the context; what has none is forecast as if it were 0 throughout", _named(empty)
        )


def note_flat(model: Model | Forecaster, series: Sequence[RegularSeries], context: int | None = None) -> None:
    """Name the rows that the scaler of Toto 1.0, which adds 0.1 to every variance, makes nearly flat.

    Args:
        model: that sees them; others than Toto 1.0 have another scaler.
        series: all that it sees.
        context: the last steps that it sees (None: all, bit by bit).
    """
    if not draws_paths(model):
        return
    flat = [label for label, values in _rows(series, context) if _is_flat(values[np.isfinite(values)])]
    if flat:
        log.warning(
            "%s: varies by less than %g, its standard deviation; models of Toto 1.0 read that "
            "as nearly flat, with bands too wide: use a smaller unit, say values times 1000",
            _named(flat),
            _FLAT,
        )


def _is_flat(values: Float[np.ndarray, " known"]) -> bool:
    """Whether values vary, beyond rounding, but little."""
    with np.errstate(over="ignore", invalid="ignore"):  # of values whose squares have no place in a float
        return len(values) > 0 and bool(1e-6 * abs(values.mean()) < values.std() < _FLAT)


def _rows(series: Sequence[RegularSeries], context: int | None) -> Iterator[tuple[str, np.ndarray]]:
    """The label of every row, and what the model sees of it."""
    for one in series:
        seen = one.values if context is None else one.values[:, -context:]
        yield from zip(one.labels, seen, strict=True)


def _named(labels: Sequence[str]) -> str:
    return textwrap.shorten(", ".join(labels), 60, placeholder=f" ... ({len(labels)} in all)")
