"""Which parts of a picture are worth looking at: holes far apart are filled one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_NEAREST, _FARTHEST = 64, 512  # px of the surroundings that may be copied from

Bools = NDArray[np.bool_]
Box = tuple[slice, slice]


def crops(hole: Bools) -> list[Box]:
    """Return the parts of a picture that are filled on their own.

    Each is the bounding box of some of the hole with the margin of context that is worth copying
    from: three quarters of its larger side. No other crop's part of the hole lies in it.

    Parameters
    ----------
    hole
        bool (H, W), with at least one pixel.

    Returns
    -------
    list
        Slices of rows and columns. Together they hold all of the hole.

    Examples
    --------
    >>> hole = np.zeros((300, 900), np.bool_)
    >>> hole[100:200, 100] = hole[100:200, 800] = True
    >>> for rows, columns in crops(hole):
    ...     print(rows.start, rows.stop, columns.start, columns.stop)
    26 274 26 175
    26 274 726 875
    """
    return [
        _surroundings(box, hole) for box in _split(_tight(hole, (slice(None), slice(None))), hole)
    ]


def _split(box: Box, hole: Bools) -> Iterator[Box]:
    """Cut a tight box at gaps that are so wide that no side looks at the other; yield the parts."""
    for axis in (0, 1):
        taken = np.flatnonzero(hole[box].any(1 - axis)) + box[axis].start
        gaps = np.diff(taken)
        for before in np.argsort(-gaps, kind="stable"):
            if gaps[before] <= _NEAREST:
                break
            parts = tuple(
                _tight(hole, (side, box[1]) if axis == 0 else (box[0], side))
                for side in (
                    slice(box[axis].start, int(taken[before]) + 1),
                    slice(int(taken[before + 1]), box[axis].stop),
                )
            )
            first, second = (_surroundings(part, hole)[axis] for part in parts)
            if first.stop <= parts[1][axis].start and second.start >= parts[0][axis].stop:
                for part in parts:
                    yield from _split(part, hole)
                return
    yield box


def _tight(hole: Bools, box: Box) -> Box:
    """Return the bounding box of what of the hole lies in a box."""
    rows, columns = (
        slice(start + int(place[0]), start + int(place[-1]) + 1)
        for place, start in (
            (np.flatnonzero(hole[box].any(axis)), side.start or 0)
            for axis, side in zip((1, 0), box, strict=True)
        )
    )
    return rows, columns


def _surroundings(box: Box, hole: Bools) -> Box:
    extent = max(side.stop - side.start - 1 for side in box)
    margin = min(_FARTHEST, max(_NEAREST, 3 * extent // 4))
    rows, columns = (
        slice(max(0, side.start - margin), min(length, side.stop + margin))
        for side, length in zip(box, hole.shape, strict=True)
    )
    return rows, columns
