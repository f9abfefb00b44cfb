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
    return window_sums(hole) > 0


def window_sums(values: Bools | NDArray[np.int32]) -> NDArray[np.int32]:
    """Return, for every anchor, the sum over its patch: (H, W) gives int32 (H - 7, W - 7)."""
    # Summed-area table: four look-ups make the sum of any window.
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int32)
    values.cumsum(0, dtype=np.int32).cumsum(1, out=table[1:, 1:])
    out: NDArray[np.int32] = (
        table[PATCH:, PATCH:]
        - table[:-PATCH, PATCH:]
        - table[PATCH:, :-PATCH]
        + table[:-PATCH, :-PATCH]
    )
    return out


def is_spanned(hole: Bools) -> bool:
    """Return whether patches reach across the hole (bool, (H, W)) wherever it is."""
    return bool(depth(hole, PATCH // 2 + 1).max() <= PATCH // 2)


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
