"""How a hole that is too wide for patches to span is filled at first: grown from its rim inwards.

In the middle of a wide hole a smooth guess says nothing but "flat", and what begins flat stays so:
the joints of a wall are gone before the first match. So patch after patch is put where most around
it is known, each the one that continues what is there (after Criminisi et al., "Region filling and
object removal by exemplar-based image inpainting", 2004). What has grown is all true to the
picture; how its pieces join is left to the rounds that follow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .descriptors import PATCH
from .hole import rim, touched, window_sums

_TRUST = 256  # in a pixel that is known; what grows is trusted as far as what it grows from
_DEAREST = 1 << 29  # about two seconds
_MOST = 1 << 15  # sources, 50 MB
_PIXELS = 6  # are looked over in the time that a source is compared in

Ints = NDArray[np.int32]


def is_affordable(hole: NDArray[np.bool_]) -> bool:
    """Return whether the hole of a level (bool, (H, W)) is small enough to grow.

    For every piece of it all sources are compared, and all pixels looked over for the next place.
    """
    size, sources = int(np.count_nonzero(hole)), int(np.count_nonzero(~touched(hole)))
    return sources <= _MOST and size * (sources + hole.size // _PIXELS) <= _DEAREST


def grow(
    pixels: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None] = lambda: None
) -> tuple[Ints, Ints]:
    """Fill a hole with pieces of the known picture, from its rim inwards.

    Parameters
    ----------
    pixels
        uint8 (H, W, channels). Its hole is written to.
    hole
        bool (H, W), with at least one patch that is known all over.
    tick
        Called after every patch; may raise to stop.

    Returns
    -------
    tuple
        How far down and how far to the right of each pixel of the hole the one lies that it was
        copied from: int32 (H, W) each, 0 outside the hole.
    """
    known, trust = ~hole, np.where(hole, 0, _TRUST).astype(np.int32)
    down, right = np.zeros((2, *hole.shape), np.int32)
    patches = sliding_window_view(pixels, (PATCH, PATCH), (0, 1))
    source_y, source_x = np.nonzero(~touched(hole))
    sources = patches[source_y, source_x].astype(np.int32)
    squares = np.einsum("icyx,icyx->iyx", sources, sources).reshape(source_y.size, -1)
    sources = sources.reshape(source_y.size, -1)
    highest, leftmost = (side - PATCH for side in hole.shape)
    while not known.all():
        rim_y, rim_x = np.nonzero(rim(known))
        tops = np.clip(rim_y - PATCH // 2, 0, highest)
        lefts = np.clip(rim_x - PATCH // 2, 0, leftmost)
        support = window_sums(trust)[tops, lefts]
        best = support.argmax()
        y, x, trusted = int(tops[best]), int(lefts[best]), support[best] // PATCH**2
        here = slice(y, y + PATCH), slice(x, x + PATCH)
        seen, fresh = known[here].astype(np.int32), ~known[here]
        asked = patches[y, x] * seen
        # Over what is known of the patch; its own square is the same for all.
        distance = np.einsum("ij,j->i", squares, seen.ravel())
        distance -= 2 * np.einsum("ij,j->i", sources, asked.ravel())
        nearest = distance.argmin()
        from_y, from_x = int(source_y[nearest]), int(source_x[nearest])
        pixels[here][fresh] = pixels[from_y : from_y + PATCH, from_x : from_x + PATCH][fresh]
        down[here][fresh], right[here][fresh] = from_y - y, from_x - x
        trust[here][fresh], known[here] = trusted, True
        tick()
    return down, right
