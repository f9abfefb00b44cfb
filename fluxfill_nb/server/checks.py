"""What servers are made of: numbers and lists, checked."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TypeVar

from ..errors import InvalidOption

T = TypeVar("T")


def count(name: str, value: int) -> int:
    """Return how many of something there may be."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InvalidOption(
            f"{name} is {reprlib.repr(value)}: it must be a whole number, 1 or more."
        )
    return int(value)


def amount(name: str, value: float) -> float:
    """Return what can be spent, or waited for."""
    try:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        number = float(value) if is_number else math.nan
    except OverflowError:  # of a whole number
        number = math.inf
    if not 0 <= number < math.inf:
        raise InvalidOption(
            f"{name} is {reprlib.repr(value)}: it must be a finite number, 0 or more."
        )
    return number


def several(name: str, values: Iterable[T], such_as: str) -> list[T]:
    """Return a list; the value is not told, for it may be a key.

    A text is none, nor are a dict's names: each letter, or each name, would be taken for a key.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidOption(
            f"{name} is of type {type(values).__name__}: give a list, such as {such_as}."
        )
    return list(values)
