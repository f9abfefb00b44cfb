"""The picture at half, a quarter, an eighth … of its size, hole included."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .descriptors import PATCH
from .hole import depth, touched

_DEEPEST = 9
_NARROWEST = 3 * PATCH  # narrower pictures offer too few different patches
_FEWEST = 64  # known patches that a level must offer

Number = TypeVar("Number", np.bool_, np.uint8, np.uint16, np.int32)


def build(
    pixels: NDArray[np.uint8], hole: NDArray[np.bool_]
) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Halve a picture until its hole is about one patch thick.

    Structure is decided where a patch spans the hole, detail where a pixel is a pixel: that is why
    patch methods work from coarse to fine (Wexler et al., "Space-time completion of video", 2007).

    Parameters
    ----------
    pixels
        uint8 (H, W, channels).
    hole
        bool (H, W).

    Returns
    -------
    list
        Pairs of pixels and hole, full size first; element k is 2**k times smaller, rounded up.
    """
    levels = [(pixels, hole)]
    while (
        len(levels) < _DEEPEST
        and min(hole.shape) // 2 >= _NARROWEST
        and depth(hole, PATCH // 2 + 1).max() > PATCH // 2
    ):
        pixels, hole = halve(pixels, hole)
        if np.count_nonzero(~touched(hole)) < _FEWEST:
            break
        levels.append((pixels, hole))
    return levels


def halve(
    pixels: NDArray[np.uint8], hole: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the picture at half size (rounded up): the mean of the known pixels of every quad.

    A pixel belongs to the hole if any of its four does, so that no patch of a coarse level is made
    of half-known pixels.
    """
    pixels, hole = make_even(pixels), make_even(hole)
    known = (~hole).astype(np.uint16)
    count = sum_quads(known)
    total = sum_quads(pixels * known[..., None])
    mean = (total + (count[..., None] >> 1)) // np.maximum(count, 1)[..., None]
    return mean.astype(np.uint8), count < 4


def sum_quads(a: NDArray[Number]) -> NDArray[Number]:
    """Return the sums of 2 x 2 blocks; height and width must be even."""
    return a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]


def make_even(a: NDArray[Number], *, repeat: bool = True) -> NDArray[Number]:
    """Return ``a`` with even height and width: the last row and column repeated, or zeros."""
    margin = [(0, a.shape[0] % 2), (0, a.shape[1] % 2)] + [(0, 0)] * (a.ndim - 2)
    return np.pad(a, margin, mode="edge" if repeat else "constant")
