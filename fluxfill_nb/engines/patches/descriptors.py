"""What a patch looks like, in 21 integers, or in 33 where fine patterns are told apart.

A patch is 8 x 8 pixels and is named by its top left pixel, its *anchor*. Its descriptor holds the
first Walsh-Hadamard coefficients of luma and chroma, and the mean of two grain channels. The
distance of two descriptors approximates the sum of squared differences of the patches, at a tenth
of the cost: the transform is orthogonal, and pictures have most of their energy in the first
coefficients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

PATCH = 8
"""Side of a patch, in px."""

CHANNELS = 5
"""Channels of a level: red, green, blue, horizontal grain, vertical grain."""

# Coefficients that are kept, as (vertical, horizontal) sequency: the number of sign changes.
_LUMA = (
    (0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2),
    (2, 1), (0, 3), (3, 0), (2, 2), (1, 3), (3, 1),
)  # fmt: skip
_CHROMA = ((0, 0), (0, 1), (1, 0))
_MEAN = ((0, 0),)
# Halved twice, a pattern is so fine that the others are blind to it.
_FINE_LUMA = (
    (2, 3), (3, 2), (3, 3), (0, 4), (4, 0), (1, 4),
    (4, 1), (2, 4), (4, 2), (3, 4), (4, 3), (4, 4),
)  # fmt: skip

_ORANGE = len(_LUMA)
_GREEN = _ORANGE + len(_CHROMA)
_GRAIN = _GREEN + len(_CHROMA)

COARSE = _GRAIN + 2
"""Length of a short descriptor."""

FINE = COARSE + len(_FINE_LUMA)
"""Length of a long descriptor: the short one, and finer luma."""

MEAN_COLOUR = (0, _ORANGE, _GREEN)
"""Where a descriptor holds the mean colour of its patch: see `mean_colour`."""

_BAND = 1 << 17  # anchors that are described at once: bounds the memory, and the time between ticks

Pixels = NDArray[np.uint8] | NDArray[np.int16]


def add_grain(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None] = lambda: None
) -> NDArray[np.uint8]:
    """Blank the hole of a picture and add its grain as two more channels.

    Grain is the absolute luma difference to the next pixel, right and below, at full size. It is
    averaged down the pyramid and voted like a colour, so that grass stays grassy and sky stays sky
    where the pixels themselves are too coarse to tell (after the texture features of Newson et al.,
    "Video inpainting of complex scenes", 2014).

    Parameters
    ----------
    rgb
        uint8 (H, W, 3).
    hole
        bool (H, W), true where the picture is unknown. What ``rgb`` holds there has no influence.
    tick
        Called every few hundredths of a second; may raise to stop.

    Returns
    -------
    NDArray
        uint8 (H, W, 5): red, green, blue, horizontal and vertical grain; zero in the hole.
    """
    out = np.zeros((*hole.shape, CHANNELS), np.uint8)
    band = max(PATCH, _BAND // hole.shape[1])
    for top in range(0, hole.shape[0], band):
        rows = slice(max(0, top - 1), top + band + 1)  # vertical grain looks a row up and down
        inner = slice(top - rows.start, top - rows.start + band)
        unknown = hole[rows]
        known_rgb = np.where(unknown[..., None], 0, rgb[rows])
        luma = known_rgb @ np.array([1, 2, 1], np.int16)
        part = out[top : top + band]
        part[..., :3] = known_rgb[inner]
        part[..., 3] = _grain(luma, unknown)[inner]
        part[..., 4] = _grain(luma.T, unknown.T).T[inner]
        tick()
    return out


def describe(
    pixels: Pixels, length: int, tick: Callable[[], None] = lambda: None, stride: int = 1
) -> NDArray[np.int16]:
    """Describe the patches of a picture.

    Parameters
    ----------
    pixels
        (H, W, 5), H and W at least 8; colours may lie outside 0 to 255 (noise was added).
    length
        Of each descriptor: `COARSE` or `FINE`.
    tick
        Called every few hundredths of a second; may raise to stop.
    stride
        Only anchors at multiples of it are described.

    Returns
    -------
    NDArray
        int16 (rows, columns, length), one descriptor for each of these anchors: H - 7 rows and
        W - 7 columns at a stride of 1.
    """
    rows, columns = (1 + (side - PATCH) // stride for side in pixels.shape[:2])
    out = np.empty((rows, columns, length), np.int16)
    band = max(PATCH, _BAND // (columns * stride * stride))
    for row in range(0, rows, band):
        some = out[row : row + band]
        top = row * stride
        bottom = top + (len(some) - 1) * stride + PATCH
        _describe_band(pixels[top:bottom], some, stride)
        tick()
    return out


def mean_colour(colour: tuple[int, int, int]) -> NDArray[np.int32]:
    """Return what a descriptor holds at `MEAN_COLOUR` for a patch of this one colour (int32, 3)."""
    red, green, blue = colour
    return np.array(
        [2 * (red + 2 * green + blue), 8 * (red - blue), 4 * (2 * green - red - blue)], np.int32
    )


def _grain(luma: NDArray[np.int16], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the luma difference to the next pixel along axis 1, zero where it is not known."""
    out = np.zeros(hole.shape, np.uint8)
    difference = (np.abs(luma[:, 1:] - luma[:, :-1]) >> 2).astype(np.uint8)
    known = ~(hole[:, 1:] | hole[:, :-1])
    out[:, :-1][known] = difference[known]
    # The pixel after a known one is in the hole: look back instead.
    last = known[:, :-1] & hole[:, 2:]
    out[:, 1:-1][last] = difference[:, :-1][last]
    return out


def _describe_band(pixels: Pixels, out: NDArray[np.int16], stride: int) -> None:
    red, green, blue = (pixels[..., k].astype(np.int32) for k in range(3))
    # Y, Co, Cg: integers, and near enough to uncorrelated. Chroma gets fewer coefficients, since
    # the eye asks for less of it. The shifts bring all parts to one scale that fits 16 bits.
    luma = red + 2 * green + blue
    _transform(luma, _LUMA, 5, stride, out[..., :_ORANGE])
    if out.shape[-1] == FINE:
        _transform(luma, _FINE_LUMA, 5, stride, out[..., COARSE:])
    _transform(red - blue, _CHROMA, 3, stride, out[..., _ORANGE:_GREEN])
    _transform(2 * green - red - blue, _CHROMA, 4, stride, out[..., _GREEN:_GRAIN])
    for k in (0, 1):
        grain = out[..., _GRAIN + k : _GRAIN + k + 1]
        _transform(pixels[..., 3 + k].astype(np.int32), _MEAN, 2, stride, grain)


def _transform(
    channel: NDArray[np.int32],
    coefficients: tuple[tuple[int, int], ...],
    shift: int,
    stride: int,
    out: NDArray[np.int16],
) -> None:
    """Put Walsh-Hadamard coefficients of every window, shifted right, into ``out[..., k]``."""
    rows = _responses(channel, 1 + max(horizontal for _, horizontal in coefficients), stride)
    for horizontal, response in enumerate(rows):
        wanted = [v for v, h in coefficients if h == horizontal]
        if not wanted:
            continue
        both = _responses(np.ascontiguousarray(response.T), 1 + max(wanted), stride)
        for vertical in wanted:
            out[..., coefficients.index((vertical, horizontal))] = both[vertical].T >> shift


def _responses(a: NDArray[np.int32], count: int, stride: int) -> list[NDArray[np.int32]]:
    """Return the first 8-tap Walsh-Hadamard responses along axis 1, by sequency."""
    width = a.shape[1] - PATCH + 1
    pairs = a[:, :-1] + a[:, 1:]
    sums = pairs[:, :-2] + pairs[:, 2:]  # ++++
    steps = pairs[:, :-2] - pairs[:, 2:]  # ++--
    fours = [(sums, 1), (sums, -1), (steps, -1), (steps, 1)]
    if count > len(fours):
        differences = a[:, :-1] - a[:, 1:]
        fours.append((differences[:, :-2] - differences[:, 2:], 1))  # +--+
    out = []
    for four, sign in fours[:count]:
        first, second = four[:, :width:stride], four[:, 4 : 4 + width : stride]
        out.append(first + second if sign > 0 else first - second)
    return out
