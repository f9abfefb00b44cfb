"""What operations take: numbers checked, and rounded so that what is logged is what is painted."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import numpy as np

from ..errors import InvalidMask, InvalidOption
from ..mask import Box, Points

Mode: TypeAlias = Literal["add", "subtract", "replace"]
"""What a shape does: fill its pixels, keep them, or fill them and keep all others."""
Pairs: TypeAlias = tuple[tuple[float, float], ...]

FURTHEST = 1_000_000
"""How far from the picture's corner a coordinate may be, px."""
LARGEST = 10_000
"""Largest brush, and largest radius to grow, shrink or feather by, px."""


def pairs(points: Points, at_least: int = 1) -> Pairs:
    """Return points as a tuple of (x, y), rounded to 0.1 px."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise InvalidMask("Points are (x, y) pairs in px, such as [(10, 20), (30, 40)].")
    if len(array) < at_least:
        raise InvalidMask(
            f"This needs at least {at_least} point{'s' * (at_least > 1)}, not {len(array)}."
        )
    if np.abs(array).max() > FURTHEST:
        raise InvalidMask(
            f"The point {tuple(array[np.abs(array).max(axis=1).argmax()].tolist())!r} is too far "
            f"away: coordinates go from {-FURTHEST:,.0f} to {FURTHEST:,.0f} px."
        )
    # Adding 0 turns -0.0 into 0.0.
    return tuple(map(tuple, (array.round(1) + 0.0).tolist()))


def in_pixel(point: tuple[float, float]) -> tuple[float, float]:
    """Return a point rounded to 0.1 px, within the pixel that it is in."""
    try:
        x, y = (float(value) for value in point)
        ((near_x, near_y),) = pairs([(x, y)])
    except (TypeError, ValueError, OverflowError):
        raise InvalidMask(
            f"The point is {_shown(point)}: give (x, y) in px, from {-FURTHEST:,.0f} to "
            f"{FURTHEST:,.0f}."
        ) from None
    return (
        round(min(near_x, math.floor(x) + 0.9), 1),
        round(min(near_y, math.floor(y) + 0.9), 1),
    )


def edges(box: Box) -> Box:
    """Return a box as floats, rounded to 0.1 px."""
    try:
        left, top, right, bottom = (round(float(edge), 1) + 0.0 for edge in box)
    except (TypeError, ValueError, OverflowError):
        left = top = right = bottom = math.nan
    if not all(abs(edge) <= FURTHEST for edge in (left, top, right, bottom)):
        raise InvalidMask(
            f"The box is {_shown(box)}: give (left, top, right, bottom) in px, from "
            f"{-FURTHEST:,.0f} to {FURTHEST:,.0f}."
        )
    if not (left < right and top < bottom):
        raise InvalidMask(
            f"The box {_shown(box)} holds nothing: (left, top, right, bottom) needs left < right "
            "and top < bottom, by 0.1 px at least."
        )
    return left, top, right, bottom


def number(name: str, value: float, low: float, high: float, digits: int = 1) -> float:
    """Return a number of a range, both ends included, rounded to so many digits."""
    if not _is_number(value) or not low <= value <= high:
        raise InvalidOption(
            f"The {name} is {_shown(value)}: it must be a number from {low:g} to {high:,g}."
        )
    return round(float(value), digits) + 0.0


def whole(name: str, value: int, low: int, high: int) -> int:
    """Return a whole number of a range, both ends included."""
    if not _is_number(value) or not low <= value <= high or value != int(value):
        raise InvalidOption(
            f"The {name} is {_shown(value)}: it must be a whole number from {low} to {high:,}."
        )
    return int(value)


def flag(name: str, value: bool) -> bool:
    """Return True or False, and nothing else."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidOption(f"{name} is {_shown(value)}: it must be True or False.")
    return bool(value)


def mode(value: Mode, known: tuple[str, ...] = get_args(Mode)) -> Mode:
    """Return one of the modes."""
    if value not in known:
        raise InvalidOption(f"The mode is {_shown(value)}: it must be one of {', '.join(known)}.")
    return value


def line(name: str, value: str) -> str:
    """Return a short text that stays on its line."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > 200:
        raise InvalidOption(f"{name} is {_shown(value)}: give one line, at most 200 characters.")
    return value


def _is_number(value: object) -> bool:
    is_real = isinstance(value, (int, float, np.integer, np.floating))
    return is_real and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
