"""Features of the calendar at time stamps, by name, and public holidays."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Shaped

from toto.errors import InputError, MissingExtraError

Times = Shaped[np.ndarray, " steps"]


def _since(times: Times, unit: str, of: str) -> Shaped[np.ndarray, " steps"]:
    """Whole units since the beginning of the minute, hour, day, month or year `of`."""
    return (times.astype(f"M8[{unit}]") - times.astype(f"M8[{of}]").astype(f"M8[{unit}]")).astype(int)


def _day_of_week(times: Times) -> Shaped[np.ndarray, " steps"]:
    """0 is Monday; the 1st of January 1970 was a Thursday."""
    return (times.astype("M8[D]").astype(int) + 3) % 7


FEATURES: dict[str, Callable[[Times], Shaped[np.ndarray, " steps"]]] = {
    "minute": lambda times: _since(times, "m", "h"),
    "hour": lambda times: _since(times, "h", "D"),
    "dayofweek": _day_of_week,
    "weekend": lambda times: _day_of_week(times) >= 5,
    "day": lambda times: _since(times, "D", "M"),
    "dayofyear": lambda times: _since(times, "D", "Y"),
    "month": lambda times: _since(times, "M", "Y"),
    "quarter": lambda times: _since(times, "M", "Y") // 3,
}


def check_features(names: Sequence[str]) -> None:
    """`InputError` for a name that is no feature."""
    for name in names:
        if name not in FEATURES:
            raise InputError(f"calendar must hold names among {', '.join(FEATURES)}, got {name!r}")


def calendar_rows(
    times: Times, names: Sequence[str], country: str | None
) -> Float[np.ndarray, "features steps"]:
    """Features at time stamps, and behind them whether the day is a public holiday of a country.

    Args:
        times: datetimes as the clock shows them.
        names: of features; days of the week, the month and the year count from 0.
        country: as in `public_holidays`; None: no holidays.

    Raises:
        InputError: stamps that are numbers, an unknown name or country.
        MissingExtraError: holidays are asked for, and their library is not installed.
    """
    check_features(names)
    if times.dtype.kind != "M":
        raise InputError("calendar and holidays need time stamps that are dates, got numbers")
    rows = [FEATURES[name](times) for name in names]
    if country is not None:
        days = times.astype("M8[D]")
        years = np.unique(days.astype("M8[Y]").astype(int) + 1970)
        rows.append(np.isin(days, public_holidays(country, [int(year) for year in years])))
    return np.stack(rows).astype(float) if rows else np.empty((0, len(times)))


def public_holidays(country: str, years: Sequence[int]) -> Shaped[np.ndarray, " days"]:
    """The public holidays of years, in a country ("DE") or a part of one ("DE-BY").

    Raises:
        InputError: no such country or part.
        MissingExtraError: holidays is not installed.
    """
    try:
        import holidays
    except ImportError:
        raise MissingExtraError("holidays", "finetune", "public holidays") from None
    if not isinstance(country, str):
        raise InputError(f'holidays must be a country such as "DE", got {country!r}')
    name, _, part = country.partition("-")
    try:
        days = holidays.country_holidays(name, subdiv=part or None, years=list(years))
    except NotImplementedError as error:
        raise InputError(
            f'holidays must be a country such as "DE", or a part such as "DE-BY", got {country!r}: {error}'
        ) from error
    return np.array(sorted(days), "M8[D]")
