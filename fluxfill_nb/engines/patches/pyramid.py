"""The picture at half, a quarter, an eighth … of its size, hole included."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .descriptors import PATCH
from .hole import is_spanned, touched

_DEEPEST = 9
_NARROWEST = 3 * PATCH  # narrower pictures offer too few different patches
_FEWEST = 256  # known patches that a level must offer: of few none fits, and blends are a blur
_BAND = 1 << 17  # pixels that are made at once: bounds the memory, and the time between ticks

Number = TypeVar("Number", np.bool_, np.uint8, np.uint16, np.int32)


def build(
    pixels: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None] = lambda: None
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
    tick
        Called every few hundredths of a second; may raise to stop.

    Returns
    -------
    list
        Pairs of pixels and hole, full size first; element k is 2**k times smaller. Height and width
        are made even, see `make_even`.
    """
    levels = [(make_even(pixels), make_even(hole))]
    while len(levels) < _DEEPEST and min(hole.shape) // 2 >= _NARROWEST and not is_spanned(hole):
        pixels, hole = halve(*levels[-1], tick)
        if np.count_nonzero(~touched(hole)) < _FEWEST:
            break
        levels.append((make_even(pixels), make_even(hole)))
    return levels


def halve(
    pixels: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the picture at half size: the mean of the known pixels of every quad.

    A pixel belongs to the hole if any of its four does, so that no patch of a coarse level is made
    of half-known pixels.
    """
    height, width = hole.shape[0] // 2, hole.shape[1] // 2
    small = np.empty((height, width, pixels.shape[2]), np.uint8)
    unknown = np.empty((height, width), np.bool_)
    band = max(1, _BAND // width)
    for top in range(0, height, band):
        rows, finer = slice(top, top + band), slice(2 * top, 2 * (top + band))
        known = (~hole[finer]).astype(np.uint16)
        count = sum_quads(known)
        total = sum_quads(pixels[finer] * known[..., None])
        small[rows] = (total + (count[..., None] >> 1)) // np.maximum(count, 1)[..., None]
        unknown[rows] = count < 4
        tick()
    return small, unknown


def sum_quads(a: NDArray[Number]) -> NDArray[Number]:
    """Return the sums of 2 x 2 blocks; height and width must be even."""
    return a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]


def make_even(a: NDArray[Number], *, repeat: bool = True) -> NDArray[Number]:
    """Return ``a`` with even height and width: the last row and column repeated, or zeros."""
    if a.shape[0] % 2 == a.shape[1] % 2 == 0:
        return a
    margin = [(0, a.shape[0] % 2), (0, a.shape[1] % 2)] + [(0, 0)] * (a.ndim - 2)
    return np.pad(a, margin, mode="edge" if repeat else "constant")
