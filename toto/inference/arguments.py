"""Checks of single arguments."""

from operator import index
from typing import Any

from toto.errors import InputError


def count(name: str, value: Any) -> int:
    """A whole number of at least 1, of any type that is one.

    Raises:
        InputError: anything else.
    """
    number = whole_number(value)
    if number is None or number < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    return number


def count_or_auto(name: str, value: Any) -> int | None:
    """A whole number of at least 1; None for "auto".

    Raises:
        InputError: anything else.
    """
    if isinstance(value, str) and value == "auto":
        return None
    number = whole_number(value)
    if number is None or number < 1:
        raise InputError(f'{name} must be "auto" or a whole number of at least 1, got {value!r}')
    return number


def whole_number(value: Any) -> int | None:
    """The number, or None where there is no whole number; True and False are none."""
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None
