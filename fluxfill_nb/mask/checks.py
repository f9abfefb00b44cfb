"""What masks take: sizes, boxes, points and numbers, checked."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import InvalidMask, InvalidOption

Size: TypeAlias = tuple[int, int]
"""Width and height, px."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, px; right and bottom are the first that lie outside, as in Pillow."""
Points: TypeAlias = Sequence[tuple[float, float]] | npt.NDArray[Any]
"""(x, y) pairs, px; the middle of the top left pixel is (0.5, 0.5)."""


def size(size: Size) -> Size:
    """Return (width, height) in whole px, both at least 1."""
    try:
        width, height = (operator.index(side) for side in size)
    except (TypeError, ValueError):
        width = height = 0
    if width < 1 or height < 1:
        raise InvalidMask(
            f"The size is {size!r}: give (width, height) in whole px, both at least 1."
        )
    return width, height


def box(box: Box) -> tuple[float, float, float, float]:
    """Return a box that holds something."""
    try:
        left, top, right, bottom = (float(edge) for edge in box)
    except (TypeError, ValueError):
        raise InvalidMask(f"The box is {box!r}: give (left, top, right, bottom) in px.") from None
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise InvalidMask(f"The box is {box!r}: its edges must be finite numbers.")
    if not (left < right and top < bottom):
        raise InvalidMask(
            f"The box {box!r} holds nothing: (left, top, right, bottom) needs left < right and "
            "top < bottom."
        )
    return left, top, right, bottom


def points(points: Points) -> npt.NDArray[np.float64]:
    """Return points as an array of shape ``(count, 2)``, at least one."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array) or not np.isfinite(array).all():
        raise InvalidMask("Points are (x, y) pairs in px, such as [(10, 20), (30, 40)].")
    return array


def are_strokes(strokes: Any) -> bool:
    """Whether these are strokes, rather than the points of one."""
    try:
        return np.ndim(np.asarray(strokes[0], dtype=object)) == 2
    except (TypeError, LookupError):  # none, or something else
        return False


def colour(colour: Iterable[int]) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255 each."""
    try:
        red, green, blue = map(operator.index, colour)
    except (TypeError, ValueError):
        red = green = blue = -1
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise InvalidOption(
            f"The colour is {colour!r}: give (red, green, blue), whole numbers from 0 to 255."
        )
    return red, green, blue


def are_numbers(*values: object) -> bool:
    """Whether all can be compared with numbers."""
    return all(isinstance(value, Real) for value in values)


def radius(radius: int, verb: str, opposite: str) -> int:
    """Return a radius in whole px."""
    if not isinstance(radius, (int, np.integer)) or radius < 0:
        raise InvalidMask(
            f"The radius to {verb} by is {radius!r}: give whole px, 0 and above "
            f"(to go the other way, use {opposite}())."
        )
    return int(radius)


def reach(radius: float, verb: str) -> float:
    """Return how far a blur reaches, px."""
    if not (isinstance(radius, Real) and radius >= 0 and math.isfinite(radius)):
        raise InvalidMask(
            f"The radius to {verb} by is {radius!r} px: it must be a number, 0 or above."
        )
    return float(radius)


def by(size: Size) -> str:
    """Return a size in words."""
    return f"{size[0]} x {size[1]}"
