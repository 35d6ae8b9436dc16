"""Checks of single arguments."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import torch

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


def seed_number(value: Any) -> int:
    """A seed, as any type of whole number.

    Raises:
        InputError: anything else.
    """
    number = whole_number(value)
    if number is None or not 0 <= number < 2**63:
        raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {value!r}")
    return number


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """One of the words that are known.

    Raises:
        InputError: anything else.
    """
    if value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """True or False, of any type that is one; 1 and 0 are.

    Raises:
        InputError: anything else, such as "no", which Python would take for True.
    """
    if not isinstance(value, (bool, int, np.bool_)) or value not in (0, 1):
        raise InputError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def torch_device(name: str, value: Any) -> torch.device:
    """A device of torch, or one by its name.

    Raises:
        InputError: anything else.
    """
    try:
        return torch.device(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f'{name} must be a device such as "cpu" or "cuda", got {value!r}') from error


def shown(value: Any) -> str:
    """A value in a message; of a model its type alone, not all of its layers."""
    return type(value).__name__ if isinstance(value, torch.nn.Module) else repr(value)


def whole_number(value: Any) -> int | None:
    """The number, or None where there is no whole number; True and False are none."""
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None
