"""Smooth interpolation, and the repair of the seam that is made with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pyramid import make_even, sum_quads

SCALE = 16
"""A membrane is in integers, in sixteenths of the unit of its values."""

_SMOOTHINGS = 4
_GREY = 128


def membrane(
    values: NDArray[np.integer[Any]],
    unknown: NDArray[np.bool_],
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.int32]:
    """Spread known values smoothly over the unknown pixels.

    Pull-push: average the known values down a pyramid until every pixel has one, then go up again
    and smooth what was unknown. Near to the solution of Laplace's equation, in linear time.

    Parameters
    ----------
    values
        Integers below 2**24 (H, W, channels). What they are where unknown has no influence.
    unknown
        bool (H, W).
    tick
        Called several times; may raise to stop.

    Returns
    -------
    NDArray
        int32 (H, W, channels), in sixteenths; mid grey if nothing is known.
    """
    current = values.astype(np.int32)
    current *= SCALE
    current[unknown] = 0
    known, finer = ~unknown, []
    while not known.all() and min(known.shape) > 1:
        finer.append((current, known))
        count = sum_quads(make_even(known.astype(np.int32), repeat=False))
        total = sum_quads(make_even(current, repeat=False))
        current, known = total // np.maximum(count, 1)[..., None], count > 0
        tick()
    if not known.all():
        rest = current[known].mean(0).astype(np.int32) if known.any() else _GREY * SCALE
        current = np.where(known[..., None], current, rest)
    while finer:
        exact, known = finer.pop()
        height, width = known.shape
        current = np.repeat(np.repeat(current, 2, 0), 2, 1)[:height, :width]
        for _ in range(_SMOOTHINGS):
            current = _mean_of_neighbours(current)
            np.copyto(current, exact, where=known[..., None])
            tick()
    return current


def round_off(scaled: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return membrane values in the unit of the values they came from, rounded."""
    return (scaled + SCALE // 2) // SCALE


def _mean_of_neighbours(a: NDArray[np.int32]) -> NDArray[np.int32]:
    padded = np.pad(a, ((1, 1), (1, 1), (0, 0)), mode="edge")
    out = padded[:-2, 1:-1] + padded[2:, 1:-1]
    out += padded[1:-1, :-2]
    out += padded[1:-1, 2:]
    out //= 4
    return out
