"""Growing, depths, holes and strokes on arrays: the geometry of `fluxfill_nb.Mask`, in NumPy alone.

Exact Euclidean discs, whatever the size of the array; the picture's border is open, that is, what
lies beyond it is neither filled nor kept.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

# Rows handled at once: so few that the work stays in the processor's cache.
_STRIP = 64


def dilate(grey: Grey, radius: int) -> Grey:
    """Return for each pixel the maximum within ``radius`` px (a disc).

    A disc is a stack of rows. The maximum over a row of any length is that of two overlapping rows
    of a power of two, and those are made by doubling: some three maxima per row of the disc, where
    a filter that looks at each pixel of the disc needs thousands.
    """
    top, bottom, left, right = _bounds(grey, radius)
    out = np.zeros_like(grey)
    if top >= bottom or radius < 1:
        return grey.copy()
    width = right - left
    # No two pixels are further apart than this, however large the disc.
    up, aside = min(radius, bottom - top - 1), min(radius, width - 1)
    padded = np.pad(grey[top:bottom, left:right], ((up, up), (aside, aside)))
    halves = [min(aside, math.isqrt(radius * radius - dy * dy)) for dy in range(up + 1)]
    for start in range(top, bottom, _STRIP):
        rows = min(_STRIP, bottom - start)
        reach = padded[start - top : start - top + rows + 2 * up]
        strip = np.zeros((rows, width), np.uint8)
        length = 1
        # From the disc's rim (short rows) to its middle (the longest).
        for dy in range(up, -1, -1):
            while 2 * length <= 2 * halves[dy] + 1:
                reach = np.maximum(reach[:, :-length], reach[:, length:])
                length *= 2
            first = aside - halves[dy]
            last = aside + halves[dy] + 1 - length
            for offset in {dy, -dy}:
                band = reach[up + offset : up + offset + rows]
                np.maximum(strip, band[:, first : first + width], out=strip)
                np.maximum(strip, band[:, last : last + width], out=strip)
        out[start : start + rows, left:right] = strip
    return out


def depth(inside: Flags, limit: int) -> npt.NDArray[np.float32]:
    """Return how far each pixel of ``inside`` lies from the outside, in px, at most ``limit``.

    0 outside, 1 at the rim. The array's border is no outside.
    """
    height, width = inside.shape
    out = np.empty(inside.shape, np.float32)
    # Nothing in the array is further away, and its square fits into 32 bits.
    furthest = min(limit, height + width)
    vertical = _vertical_distance(inside, furthest)
    for start in range(0, height, _STRIP):
        square = vertical[start : start + _STRIP] ** 2
        nearest = square.copy()
        for dx in range(1, min(furthest, width)):
            further = square + dx * dx
            np.minimum(nearest[:, dx:], further[:, :-dx], out=nearest[:, dx:])
            np.minimum(nearest[:, :-dx], further[:, dx:], out=nearest[:, :-dx])
        np.sqrt(nearest, out=out[start : start + _STRIP], casting="same_kind")
    out[out == furthest] = limit
    return out


def _vertical_distance(inside: Flags, limit: int) -> npt.NDArray[np.int32]:
    """Rows to the next pixel outside, up or down, at most ``limit``."""
    height = inside.shape[0]
    row = np.arange(height, dtype=np.int32)[:, None]
    above = np.maximum.accumulate(np.where(inside, np.int32(-limit), row), axis=0)
    below = np.where(inside, np.int32(height + limit), row)[::-1]
    below = np.minimum.accumulate(below, axis=0)[::-1]
    return np.minimum(np.minimum(row - above, below - row), np.int32(limit))


def enclosed(open_: Flags) -> Flags:
    """Return the pixels of ``open_`` that no path within it (4-connected) joins to the border.

    Runs of each row are joined to the overlapping runs of the next row; labels then sink to the
    smallest of their neighbours until nothing changes.
    """
    height, width = open_.shape
    edges = np.diff(np.pad(open_, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    # A run that touches the border belongs to the outside, which is label 0.
    at_border = (rows == 0) | (rows == height - 1) | (starts == 0) | (stops == width)
    label = np.where(at_border, 0, np.arange(1, rows.size + 1))
    upper, lower = _overlapping_runs(rows, starts, stops, width)
    while True:
        lowest = np.minimum(label[upper], label[lower])
        sunk = label.copy()
        np.minimum.at(sunk, upper, lowest)
        np.minimum.at(sunk, lower, lowest)
        # A label is the number of a run: follow it to that run's own label.
        sunk = np.concatenate(([0], sunk))[sunk]
        if np.array_equal(sunk, label):
            break
        label = sunk
    inner = label > 0
    change = np.zeros((height, width + 1), np.int8)
    change[rows[inner], starts[inner]] = 1
    change[rows[inner], stops[inner]] -= 1
    return change.cumsum(axis=1, dtype=np.int8)[:, :width] > 0


def _overlapping_runs(
    rows: npt.NDArray[np.intp],
    starts: npt.NDArray[np.intp],
    stops: npt.NDArray[np.intp],
    width: int,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of runs that touch from one row to the next, as two arrays of run numbers."""
    # On one long line of all rows, runs are sorted; each run meets a stretch of the row above.
    stride = width + 1
    first = np.searchsorted(rows * stride + stops, (rows - 1) * stride + starts, side="right")
    after = np.searchsorted(rows * stride + starts, (rows - 1) * stride + stops, side="left")
    count = np.maximum(after - first, 0)
    lower = np.repeat(np.arange(rows.size), count)
    begin = np.repeat(first - np.concatenate(([0], count.cumsum()[:-1])), count)
    return begin + np.arange(lower.size), lower


def paint_capsule(
    array: npt.NDArray[np.uint8],
    start: npt.NDArray[np.float64],
    stop: npt.NDArray[np.float64],
    radius: float,
) -> None:
    """Fill every pixel whose middle lies within ``radius`` of the line from start to stop."""
    height, width = array.shape
    left, top = (max(0, math.floor(v)) for v in np.minimum(start, stop) - radius)
    right, bottom = (math.ceil(v) for v in np.maximum(start, stop) + radius)
    y, x = np.ogrid[top + 0.5 : min(bottom, height), left + 0.5 : min(right, width)]
    (x0, y0), (dx, dy) = start, stop - start
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    near = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= radius * radius
    array[top : top + near.shape[0], left : left + near.shape[1]][near] = 255


def paint_polygon(array: npt.NDArray[np.uint8], corners: npt.NDArray[np.float64]) -> None:
    """Fill every pixel whose middle a closed line goes round, once or more often."""
    height, width = array.shape
    top = max(0, math.floor(corners[:, 1].min()))
    bottom = max(top, min(height, math.ceil(corners[:, 1].max())))
    # Where a row's middle meets an edge, the number of turns changes for all that is right of it.
    turns = np.zeros((bottom - top, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        first, stop = math.ceil(min(y0, y1) - 0.5), math.ceil(max(y0, y1) - 0.5)
        rows = np.arange(max(top, first), min(bottom, stop))
        if rows.size:
            crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
            turns[rows - top, column] += 1 if y1 > y0 else -1
    np.cumsum(turns, axis=1, out=turns)
    array[top:bottom][turns[:, :width] != 0] = 255


def _bounds(grey: Grey, margin: int) -> tuple[int, int, int, int]:
    """Return top, bottom, left, right of what is not 0, with a margin; all 0 if nothing is."""
    rows = np.flatnonzero(grey.any(axis=1))
    if rows.size == 0:
        return 0, 0, 0, 0
    columns = np.flatnonzero(grey.any(axis=0))
    height, width = grey.shape
    return (
        max(0, int(rows[0]) - margin),
        min(height, int(rows[-1]) + 1 + margin),
        max(0, int(columns[0]) - margin),
        min(width, int(columns[-1]) + 1 + margin),
    )
