"""The repair of faint blotches: a fill as smooth as its surroundings is made as even as they are.

A patch of sky a few grey levels too light fits nearly as well as the right one, but the eye sees
what the distance of patches hardly does: broad, faint columns and clouds. They are steps in the low
frequencies that are neither steep nor rough. So these steps are taken away, and what is left of the
fill, its grain and its true edges, settles on the known pixels around it: a Poisson equation. A
plain membrane would carry the colour of one side of an edge over to the other. Where nothing around
the hole has an edge, none belongs into it, and every step is taken away that is not huge.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .membrane import SCALE, membrane, round_off
from .pyramid import make_even, sum_quads

# All is decided on cells of 4 x 4 px. The sum of their pixels is the mean in sixteenths; the width
# of a blotch is that of a patch or more, whatever the size of the picture.
_CELL = 4
_MARGIN = 48  # px around the hole that are looked at
_ROUGH = (3 * SCALE) ** 2, (5 * SCALE) ** 2  # variance of luma: from smooth to rough
_STEEP = 4 * SCALE, 8 * SCALE  # difference of neighbouring cells: from a blotch's to an edge's
_LARGE = 10 * SCALE, 22 * SCALE  # correction: from welcome to suspicious, it may undo what is meant
_NEVER, _HUGE = (1 << 20, 1 << 21), (40 * SCALE, 80 * SCALE)  # the same where no edge is known
_CALM = SCALE  # surroundings that bend no more than this are even
_REACH = 3  # cells: how far apart three points are that show a bend
_CYCLES, _SMOOTHINGS = 3, 8
_ONE = 256  # a weight, and the scale of the Poisson equation
_BAND = 1 << 17  # pixels that are summed at once: bounds the memory, and the time between ticks
_CHUNK = 1 << 15  # the same for the pixels that are corrected

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Tick = Callable[[], None]


def even_out(pixels: NDArray[np.uint8], hole: Bools, tick: Tick = lambda: None) -> None:
    """Take faint blotches away from a hole that is filled.

    Parameters
    ----------
    pixels
        uint8 (H, W, 3 or more): red, green, blue. Its hole is written to.
    hole
        bool (H, W), with at least one pixel.
    tick
        Called every few hundredths of a second; may raise to stop.
    """
    rows, columns = (
        slice(max(0, int(place[0]) - _MARGIN), int(place[-1]) + 1 + _MARGIN)
        for place in (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    )
    pixels, hole = pixels[rows, columns], hole[rows, columns]
    correction = _correction(*_sum_cells(pixels, hole, tick), tick)
    if not correction.any():
        return
    chart = np.pad(correction, ((1, 1), (1, 1), (0, 0)), mode="edge")
    hole_y, hole_x = np.nonzero(hole)
    for start in range(0, hole_y.size, _CHUNK):
        y, x = hole_y[start : start + _CHUNK], hole_x[start : start + _CHUNK]
        evened = pixels[y, x, :3] + round_off(_look_up(chart, y, x))
        pixels[y, x, :3] = np.clip(evened, 0, 255)
        tick()


def _sum_cells(pixels: NDArray[np.uint8], hole: Bools, tick: Tick) -> tuple[Ints, Bools]:
    """Return each cell's sums of red, green, blue, luma and its square; and if it has any hole."""
    band = max(1, _BAND // (hole.shape[1] * _CELL)) * _CELL
    sums, unknown = [], []
    for top in range(0, hole.shape[0], band):
        rgb = pixels[top : top + band, :, :3].astype(np.int32)
        luma = (rgb[..., 0] + 2 * rgb[..., 1] + rgb[..., 2]) >> 2
        values = np.dstack([rgb, luma, luma * luma])
        sums.append(sum_quads(make_even(sum_quads(make_even(values)))))
        unknown.append(sum_quads(make_even(sum_quads(make_even(hole[top : top + band])))))
        tick()
    return np.concatenate(sums), np.concatenate(unknown)


def _correction(sums: Ints, unknown: Bools, tick: Tick) -> Ints:
    """Return what to add to every cell (int32, (H, W, 3)), in sixteenths."""
    low = _blur(sums[..., :4])
    mean, luma, square = low[..., 3], sums[..., 3], sums[..., 4]
    variance = _blur((SCALE * square - 2 * mean * luma + mean * mean)[..., None])[..., 0]
    smooth, steep, large = _fade(variance, *_ROUGH), _STEEP, _LARGE
    tick()
    # Clouds and mottled walls bend themselves: what the fill may do, too.
    usual = _bend(mean, ~unknown & (2 * smooth >= _ONE), tick)
    allowed = 2 * np.maximum(usual - _CALM, 0)
    if _is_without_edges(sums[..., :3], unknown):
        low, smooth, steep, large = sums, np.full_like(smooth, _ONE), _NEVER, _HUGE
    steps = _faint_steps(low[..., :3], sums[..., :3], smooth, steep)
    wanted = _settle(steps, unknown, tick) // _ONE
    size = np.abs(wanted).max(-1)
    weight = _fade(size, *large) * smooth // _ONE
    weight = weight * np.maximum(size - allowed, 0) // np.maximum(size, 1)
    tick()
    return wanted * _blur(weight[..., None]) // _ONE


def _bend(luma: Ints, usable: Bools, tick: Tick) -> Ints:
    """Return how far usable cells are off a straight slope, spread over all the others."""
    total, count = np.zeros_like(luma), np.zeros_like(luma)
    for axis in (0, 1):
        a, ok, bends, counts = (b.swapaxes(0, axis) for b in (luma, usable, total, count))
        length = a.shape[0] - 2 * _REACH
        if length > 0:
            clear = np.logical_and.reduce([ok[k : k + length] for k in range(2 * _REACH + 1)])
            middle = slice(_REACH, -_REACH)
            bends[middle] += np.abs(a[: -2 * _REACH] - 2 * a[middle] + a[2 * _REACH :]) * clear
            counts[middle] += clear
        tick()
    mean = total // np.maximum(count, 1)
    return round_off(membrane(mean[..., None], count == 0, tick))[..., 0]


def _is_without_edges(low: Ints, unknown: Bools) -> bool:
    """Return whether no cells that are known differ from their neighbours by more than a blotch."""
    for axis in (0, 1):
        a, gap = low.swapaxes(0, axis), unknown.swapaxes(0, axis)
        known = ~(gap[1:] | gap[:-1])
        if not known.any() or np.abs(np.diff(a, axis=0))[known].max() > _STEEP[0]:
            return False
    return True


def _faint_steps(low: Ints, sharp: Ints, smooth: Ints, steep: tuple[int, int]) -> Ints:
    """Return the divergence of the steps between cells that no structure explains, times 256.

    A step is structure where the picture is rough, or the step steep before it is blurred: votes
    are blended, so the edge of a blotch is as wide as a patch.
    """
    out = np.zeros_like(low)
    for axis in (0, 1):
        a, b, weight, sums = (c.swapaxes(0, axis) for c in (low, sharp, smooth, out))
        step, sharp_step = np.diff(a, axis=0), np.diff(b, axis=0)
        faint = _fade(np.abs(sharp_step).max(-1), *steep)
        step *= (np.minimum(weight[1:], weight[:-1]) * faint // _ONE)[..., None]
        sums[:-1] += step
        sums[1:] -= step
    return out


def _settle(steps: Ints, unknown: Bools, tick: Tick) -> Ints:
    """Solve Poisson's equation: the Laplacian is minus ``steps``; zero where it is not unknown."""
    out = np.zeros_like(steps)
    for _ in range(_CYCLES):
        rest = steps + _sum_of_neighbours(out) - 4 * out
        rest[~unknown] = 0
        out += _descend(rest, unknown, tick)
    return out


def _descend(steps: Ints, unknown: Bools, tick: Tick) -> Ints:
    """Solve it nearly, from coarse to fine, each level starting from the one of half the size."""
    if min(unknown.shape) == 1 or not unknown.any():
        current = np.zeros_like(steps)
    else:
        coarse = ~sum_quads(~make_even(unknown))  # known if any of the four is
        current = _descend(sum_quads(make_even(steps, repeat=False)), coarse, tick)
        height, width = unknown.shape
        current = np.repeat(np.repeat(current, 2, 0), 2, 1)[:height, :width]
    for _ in range(_SMOOTHINGS):
        current = _sum_of_neighbours(current)
        current += steps
        current >>= 2
        current[~unknown] = 0
        tick()
    return current


def _sum_of_neighbours(a: Ints) -> Ints:
    padded = np.pad(a, ((1, 1), (1, 1), (0, 0)), mode="edge")
    out: Ints = padded[:-2, 1:-1] + padded[2:, 1:-1]
    out += padded[1:-1, :-2]
    out += padded[1:-1, 2:]
    return out


def _fade(values: Ints, start: int, end: int) -> Ints:
    """Return 256 for values up to ``start``, falling to 0 at ``end``."""
    return (end - np.clip(values, start, end)) * _ONE // (end - start)


def _blur(a: Ints) -> Ints:
    """Return the means of 3 x 3 cells."""
    padded = np.pad(a, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    out: Ints = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4) // 9
    return out


def _look_up(chart: Ints, y: NDArray[np.intp], x: NDArray[np.intp]) -> Ints:
    """Return the values of a chart at pixels, bilinear; it has a margin of one cell."""
    full = 2 * _CELL  # places are counted in half pixels: the centres of cells lie on these
    (row, down), (column, right) = (np.divmod(2 * a + 1 + _CELL, full) for a in (y, x))
    down, right = (a.astype(np.int32)[:, None] for a in (down, right))
    above = chart[row, column] * (full - right) + chart[row, column + 1] * right
    below = chart[row + 1, column] * (full - right) + chart[row + 1, column + 1] * right
    out: Ints = (above * (full - down) + below * down) // full**2
    return out
