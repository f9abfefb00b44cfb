"""Growing, depths, holes and strokes on arrays: the geometry of `fluxfill_nb.Mask`, in NumPy alone.

Exact Euclidean discs, whatever the size of the array; the picture's border is open, that is, what
lies beyond it is neither filled nor kept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Rows handled at once: so few that the work stays in the processor's cache.
_STRIP = 64
# More than rounding takes from a coordinate within a million px.
_HAIR = 1e-3


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
    """Return the pixels of ``open_`` that no path within it (4-connected) joins to the border."""
    height, width = open_.shape
    rows, starts, stops = _runs(open_)
    at_border = (rows == 0) | (rows == height - 1) | (starts == 0) | (stops == width)
    inner = ~_joined(rows, starts, stops, at_border, width)
    out = np.zeros_like(open_)
    _paint_runs(out, rows[inner], starts[inner], stops[inner], True)
    return out


def connected(open_: Flags, pixel: tuple[int, int]) -> Flags:
    """Return the pixels of ``open_`` that a path within it (4-connected) joins to one, (x, y)."""
    x, y = pixel
    rows, starts, stops = _runs(open_)
    here = (rows == y) & (starts <= x) & (x < stops)
    area = _joined(rows, starts, stops, here, open_.shape[1])
    out = np.zeros_like(open_)
    _paint_runs(out, rows[area], starts[area], stops[area], True)
    return out


def _runs(flags: Flags) -> tuple[Indices, Indices, Indices]:
    """Row, first column and first column after of each stretch of a row, in reading order."""
    height, width = flags.shape
    # Without a gap after each row, one that ends set would run on into the next.
    line = np.zeros((height, width + 1), np.bool_)
    line[:, :width] = flags
    line = line.ravel()
    turns = np.flatnonzero(line[1:] != line[:-1]) + 1
    if line[0]:
        turns = np.concatenate(([0], turns))
    rows, starts = np.divmod(turns[::2], width + 1)
    return rows, starts, turns[1::2] - rows * (width + 1)


def _joined(rows: Indices, starts: Indices, stops: Indices, anchors: Flags, width: int) -> Flags:
    """Which runs a chain of runs that touch from row to row joins to one of the anchors.

    Runs that hang together get a tree: each run points to an earlier one, the first to itself, and
    the anchors' to 0. Where two trees touch, the later one's root comes to hang on the other.
    """
    parent = np.arange(rows.size + 1)
    parent[1:][anchors] = 0
    upper, lower = (runs + 1 for runs in _overlapping_runs(rows, starts, stops, width))
    while upper.size:
        above, below = parent[upper], parent[lower]
        earlier = np.minimum(above, below)
        np.minimum.at(parent, above, earlier)
        np.minimum.at(parent, below, earlier)
        while not np.array_equal(roots := parent[parent], parent):
            parent = roots
        are_apart = parent[upper] != parent[lower]
        upper, lower = upper[are_apart], lower[are_apart]
    is_joined: Flags = parent[1:] == 0
    return is_joined


def _overlapping_runs(
    rows: Indices, starts: Indices, stops: Indices, width: int
) -> tuple[Indices, Indices]:
    """Pairs of runs that touch from one row to the next, as two arrays of run numbers."""
    # On one long line of all rows, runs are sorted; each run meets a stretch of the row above.
    stride = width + 1
    first = np.searchsorted(rows * stride + stops, (rows - 1) * stride + starts, side="right")
    after = np.searchsorted(rows * stride + starts, (rows - 1) * stride + stops, side="left")
    return _ranges(first, after)


def paint_stroke(array: Grey, points: Floats, radius: float, value: int = 255) -> None:
    """Paint every pixel whose middle lies within ``radius`` of the line through the points.

    A straight piece of the brush covers one stretch of each row. The closed form of its ends is
    widened by a hair, then drawn in to what truly lies within: the same pixels as if each had been
    asked, for the work of asking two in a row.
    """
    height, width = array.shape
    begin, end = (points[:-1], points[1:]) if len(points) > 1 else (points, points)
    top = np.clip(np.floor(np.minimum(begin[:, 1], end[:, 1]) - radius), 0, height).astype(np.intp)
    bottom = np.clip(np.ceil(np.maximum(begin[:, 1], end[:, 1]) + radius), 0, height)
    rows, piece = _ranges(top, bottom.astype(np.intp))
    x0, y0 = begin[piece].T
    dx, dy = (end - begin)[piece].T
    square = np.maximum(dx * dx + dy * dy, 1e-12)
    y = rows + 0.5

    def is_within(columns: Indices) -> Flags:
        x = columns + 0.5
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / square, 0, 1)
        away = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2
        within: Flags = away <= radius * radius
        return within

    left, right = _stretch(x0, y - y0, dx, dy, radius + _HAIR)
    starts = np.clip(np.ceil(left - 0.5), 0, width).astype(np.intp)
    stops = np.clip(np.floor(right - 0.5) + 1, 0, width).astype(np.intp)
    while (beyond := (starts < stops) & ~is_within(starts)).any():
        starts += beyond
    while (beyond := (starts < stops) & ~is_within(stops - 1)).any():
        stops -= beyond
    some = starts < stops
    _paint_runs(array, *_merged(rows[some], starts[some], stops[some], width), value)


def _stretch(
    x0: Floats, down: Floats, dx: Floats, dy: Floats, radius: float
) -> tuple[Floats, Floats]:
    """Where rows ``down`` px below the start (x0) of lines enter and leave their capsules.

    A capsule is the discs at both ends and the rectangle between them. Rows outside get inf, -inf.
    """
    left, right = np.full(down.shape, np.inf), np.full(down.shape, -np.inf)
    for x, below in ((x0, down), (x0 + dx, down - dy)):
        square = radius * radius - below * below
        half = np.sqrt(np.maximum(square, 0))
        left = np.where(square >= 0, np.minimum(left, x - half), left)
        right = np.where(square >= 0, np.maximum(right, x + half), right)
    length = np.hypot(dx, dy)
    # Each pair of parallel sides: |a * x + b * down| lies between two bounds.
    enter, leave = np.full(down.shape, -np.inf), np.full(down.shape, np.inf)
    for a, b, low, high in (
        (dy, -dx, -radius * length, radius * length),
        (dx, dy, np.zeros_like(length), length * length),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = np.stack([(low - b * down) / a, (high - b * down) / a])
        # A pair along the row holds all of it or none.
        held = np.where((low <= b * down) & (b * down <= high), np.inf, -np.inf)
        enter = np.maximum(enter, np.where(a == 0, -held, sides.min(axis=0)))
        leave = np.minimum(leave, np.where(a == 0, held, sides.max(axis=0)))
    crosses = (enter <= leave) & (length > 0)
    left = np.where(crosses, np.minimum(left, x0 + enter), left)
    right = np.where(crosses, np.maximum(right, x0 + leave), right)
    return left, right


def paint_polygon(array: Grey, corners: Floats, value: int = 255) -> None:
    """Paint every pixel whose middle a closed line goes round, once or more often."""
    height, width = array.shape
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    top = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, height).astype(np.intp)
    bottom = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, height).astype(np.intp)
    rows, edge = _ranges(top, bottom)
    # Where a row's middle meets an edge, the number of turns changes for all that is right of it.
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (x1 - x0) / (y1 - y0)
    crossing = x0[edge] + (rows + 0.5 - y0[edge]) * slope[edge]
    columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
    order = np.argsort(rows * (width + 1) + columns, kind="stable")
    rows, columns = rows[order], columns[order]
    turns = np.cumsum(np.where(y1 > y0, 1, -1)[edge[order]])
    # The turns of a row add up to 0, so none reaches over into the next row.
    inside = np.flatnonzero(turns)
    _paint_runs(array, rows[inside], columns[inside], columns[inside + 1], value)


def _ranges(first: Indices, after: Indices) -> tuple[Indices, Indices]:
    """All whole numbers from each ``first`` to before its ``after``; and which of them it was."""
    count = np.maximum(after - first, 0)
    which = np.repeat(np.arange(count.size), count)
    begin = np.repeat(first - (count.cumsum() - count), count)
    return begin + np.arange(which.size), which


def _merged(
    rows: Indices, starts: Indices, stops: Indices, width: int
) -> tuple[Indices, Indices, Indices]:
    """The same stretches, in reading order, those joined that overlap or touch."""
    stride = width + 1
    order = np.argsort(rows * stride + starts, kind="stable")
    begin = (rows * stride + starts)[order]
    end = np.maximum.accumulate((rows * stride + stops)[order])
    is_first = np.ones(begin.size, np.bool_)
    is_first[1:] = begin[1:] > end[:-1]
    is_last = np.ones(begin.size, np.bool_)
    is_last[:-1] = is_first[1:]
    rows, starts = np.divmod(begin[is_first], stride)
    return rows, starts, end[is_last] - rows * stride


def _paint_runs(
    array: npt.NDArray[Any], rows: Indices, starts: Indices, stops: Indices, value: int
) -> None:
    for row, start, stop in zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True):
        array[row, start:stop] = value


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
