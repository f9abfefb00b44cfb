"""What a hole is like: which patches touch it, how deep it is, where its rim lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .descriptors import PATCH

Bools = NDArray[np.bool_]


def touched(hole: Bools) -> Bools:
    """Return, for every anchor, whether its patch holds a pixel of the hole.

    Parameters
    ----------
    hole
        bool (H, W), H and W at least 8.

    Returns
    -------
    NDArray
        bool (H - 7, W - 7).
    """
    # Summed-area table: four look-ups count the hole's pixels in any window.
    count = np.zeros((hole.shape[0] + 1, hole.shape[1] + 1), np.int32)
    hole.cumsum(0, dtype=np.int32).cumsum(1, out=count[1:, 1:])
    inside = (
        count[PATCH:, PATCH:]
        - count[:-PATCH, PATCH:]
        - count[PATCH:, :-PATCH]
        + count[:-PATCH, :-PATCH]
    )
    return inside > 0


def depth(hole: Bools, limit: int) -> NDArray[np.uint8]:
    """Return how deep inside the hole each pixel lies.

    Parameters
    ----------
    hole
        bool (H, W).
    limit
        Deepest value told apart, 1 to 255.

    Returns
    -------
    NDArray
        uint8 (H, W): 0 outside, 1 at the rim, and so on in city blocks up to ``limit``. The border
        of the picture is no rim: nothing is known behind it.
    """
    out, rest = np.zeros(hole.shape, np.uint8), hole
    for _ in range(limit):
        if not rest.any():
            break
        out += rest
        above, below, left, right = _around(rest, outside=True)
        rest = rest & above & below & left & right
    return out


def rim(hole: Bools) -> Bools:
    """Return the known pixels with an edge in common with the hole (bool, (H, W))."""
    above, below, left, right = _around(hole, outside=False)
    return (above | below | left | right) & ~hole


def _around(flags: Bools, outside: bool) -> tuple[Bools, Bools, Bools, Bools]:
    """Return the flags of the pixel above, below, left and right of every pixel."""
    padded = np.pad(flags, 1, constant_values=outside)
    return padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
