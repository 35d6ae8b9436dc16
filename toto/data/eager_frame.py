"""Data frames of any kind in memory, with what pandas has beside columns as columns."""

from importlib import import_module
from typing import Any

import narwhals.stable.v2 as nw

from toto.errors import InputError

HANDS_OVER = "__arrow_c_stream__"  # of the Arrow PyCapsule interface: what has it, can be a frame


def eager_frame(data: Any, name: str) -> nw.DataFrame[Any]:
    """A data frame of any kind, or a column of one, behind one interface.

    An index of pandas that has a name or holds time stamps becomes columns, names in several levels one
    name, `cpu, host`, and periods the time stamps of their starts.

    Args:
        data: what is to be a frame.
        name: of it in messages.

    Raises:
        InputError: no data frame, one that is not computed yet, or columns of one name.
    """
    native = _as_frame(data)
    if hasattr(native, "set_axis") and native.columns.nlevels > 1:
        joined = [", ".join(str(part) for part in parts if part != "") for parts in native.columns]
        native = native.set_axis(joined, axis=1)
    try:
        frame = nw.from_native(native, eager_only=True)
        index = nw.maybe_get_index(frame)
        if index is not None and _says_something(index):
            frame = nw.from_native(_with_index(native, name), eager_only=True)
        frame = _at_starts_of_periods(frame)
        names = {column: str(column) for column in frame.columns if not isinstance(column, str)}
        return frame.rename(names) if names else frame
    except InputError:
        raise
    except TypeError:
        raise InputError(
            f"{name}: not a data frame of pandas, polars or pyarrow in memory but "
            f"{type(native).__name__}; collect a lazy one first"
        ) from None
    except ValueError as error:  # of narwhals: two columns of one name
        reason = " ".join(str(error).split())
        raise InputError(f"{name}: columns must have different names: {reason}") from None


def _as_frame(data: Any) -> Any:
    """A column, or a batch of pyarrow, as a frame; anything else as it is."""
    if nw.dependencies.is_into_series(data):
        column: Any = nw.from_native(data, series_only=True)
        # without a name it would pass for an unnamed index, a time
        return nw.to_native((column if column.name not in (None, "") else column.alias("value")).to_frame())
    if hasattr(data, HANDS_OVER) and not nw.dependencies.is_into_dataframe(data):
        try:
            return nw.to_native(nw.from_arrow(data, backend="pyarrow"))
        except ValueError:  # two columns of one name
            return import_module("pyarrow").table(data)
    return data


def _with_index(frame: Any, called: str) -> Any:
    """A frame of pandas with its index as columns, those once that it has as columns too."""
    both = [name for name in frame.index.names if name is not None and name in frame.columns]
    for name in both:
        if not frame.index.get_level_values(name).equals(frame.set_index(name).index):
            raise InputError(
                f"{called}: the index and a column are both called {name!r} and differ: rename one"
            )
    rest = frame.reset_index(level=both, drop=True) if both else frame
    return rest.reset_index() if _says_something(rest.index) else rest


def _says_something(index: Any) -> bool:
    """Whether an index of pandas is more than row numbers."""
    named = any(name is not None for name in index.names)
    parts = getattr(index, "levels", [index])
    return named or any(type(part).__name__ in ("DatetimeIndex", "PeriodIndex") for part in parts)


def _at_starts_of_periods(frame: "nw.DataFrame[Any]") -> "nw.DataFrame[Any]":
    """Periods of pandas as time stamps, and all else as it is."""
    native: Any = frame.to_native()
    unknown = [native[name] for name, dtype in frame.schema.items() if dtype == nw.Unknown]
    periods = [column for column in unknown if type(getattr(column, "dtype", None)).__name__ == "PeriodDtype"]
    stamps = [nw.from_native(column.dt.to_timestamp(), series_only=True) for column in periods]
    return frame.with_columns(*stamps) if stamps else frame
