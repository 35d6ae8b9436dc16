"""The arguments of a pipeline's methods, checked."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex

import torch

from toto.data.layout import Layout
from toto.data.table import is_table
from toto.errors import InputError
from toto.inference.arguments import count, flag, seed_number
from toto.inference.forecast_distribution import quantile_levels
from toto.inference.pipeline.settings import ForecastSettings

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DEFAULT_CONTEXT = 4096


def forecast_settings(
    horizon: SupportsIndex,
    *,
    context: SupportsIndex = DEFAULT_CONTEXT,
    num_samples: SupportsIndex = 32,
    quantile_levels: Sequence[float] = DECILES,
    seed: SupportsIndex | None = None,
    keep_samples: bool = True,
    joint_draws: bool = False,
    missing: str = "auto",
    tails: str = "error",
    decode_block_size: SupportsIndex | None = None,
) -> ForecastSettings:
    """The arguments of `forecast`, checked."""
    return ForecastSettings(
        count("horizon", horizon),
        count("context", context),
        count("num_samples", num_samples),
        _levels(quantile_levels),
        _seed(seed),
        flag("keep_samples", keep_samples),
        flag("joint_draws", joint_draws),
        missing,
        tails,
        None if decode_block_size is None else count("decode_block_size", decode_block_size),
    )


def forecast_layout(
    *,
    columns: Any = None,
    id_column: str | None = None,
    time_column: str | None = None,
    group: str | None = None,
    multivariate: bool = False,
    past_covariates: Any = (),
    aggregate: str | None = None,
    day_first: Any = None,
) -> Layout:
    """The arguments of `forecast` that say what columns are.

    Raises:
        InputError: one of them breaks a rule.
    """
    targets = None if columns is None else list(names_of("columns", columns))
    if targets == []:
        raise InputError("columns must name at least one column, got none: leave it out for the usual ones")
    return Layout(
        time_column,
        targets,
        id_column,
        group,
        flag("multivariate", multivariate),
        names_of("past_covariates", past_covariates),
        aggregate,
        None if day_first is None else flag("day_first", day_first),
    )


def method_layout(method: Callable[..., Any], options: Mapping[str, Any]) -> Layout:
    """`forecast_layout` of what a method has no argument of its own for.

    Raises:
        TypeError: an argument that neither has.
    """
    layout = inspect.signature(forecast_layout).parameters
    unknown = [name for name in options if name not in layout]
    if unknown:
        known = [name for name in inspect.signature(method).parameters if name != "layout"]
        raise TypeError(
            f"{method.__name__}() got an unexpected keyword argument {unknown[0]!r}; it takes "
            f"{', '.join([*known, *layout])}"
        )
    return forecast_layout(**options)


def history_layout(method: Callable[..., Any], options: Mapping[str, Any]) -> Layout:
    """`method_layout` of series that are judged, not forecast.

    Raises:
        InputError: covariates, which are for forecasts alone.
        TypeError: an argument that the method does not have.
    """
    names, arrays = names_or_arrays(None, options.get("past_covariates"))
    if names or arrays is not None:
        raise InputError(
            "past_covariates are for forecasts: let the columns see each other with multivariate=True"
        )
    return method_layout(method, options)


def _levels(levels: Any) -> tuple[float, ...]:
    """Quantile levels in ascending order, each once."""
    try:
        return tuple(sorted(set(quantile_levels(levels).reshape(-1).tolist())))
    except InputError:
        raise InputError(f"quantile_levels must be levels from 0 to 1, got {levels!r}") from None


def _seed(seed: Any) -> int:
    """The given seed, or one from the global random state, for all batches of a call."""
    return int(torch.randint(2**63 - 1, ())) if seed is None else seed_number(seed)


def names_or_arrays(data: Any, past_covariates: Any) -> tuple[tuple[str, ...], Any]:
    """Past covariates as the names of columns beside a frame, as values (None: there are none) beside arrays.

    Raises:
        InputError: no names beside a frame.
    """
    if past_covariates is None:
        return (), None
    names = (past_covariates,) if isinstance(past_covariates, str) else past_covariates
    listed = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if listed or is_table(data):
        return names_of("past_covariates", names), None
    return (), past_covariates


def names_of(argument: str, names: Any) -> tuple[str, ...]:
    """The name, or the names of any kind of list (a numpy array, an index of pandas).

    Raises:
        InputError: anything else.
    """
    if isinstance(names, str):
        return (names,)
    try:
        listed = tuple(names)
    except TypeError:
        listed = (None,)
    if not all(isinstance(name, str) for name in listed):
        raise InputError(f"{argument} must be a name or a list of names, got {names!r:.60}")
    return tuple(str(name) for name in listed)
