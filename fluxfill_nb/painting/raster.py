"""What operations paint with: soft strokes, ellipses, and the areas that one click picks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..mask import Box

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

_TILE = 192
_MIDDLES = np.arange(_TILE) + 0.5
# Half the diagonal of a tile, from the middle of its corner pixels, and a hair for rounding.
_HALF = math.hypot(_TILE - 1, _TILE - 1) / 2 + 1e-3


def soft_stroke(
    mask: Grey, points: Floats, radius: float, hardness: float, *, erase: bool = False
) -> None:
    """Fill around the line through the points: whole near it, less and less up to ``radius``.

    A pixel's value depends on its distance to the line alone. Tile by tile, only those pieces of
    the line are asked that can be the nearest to a pixel of the tile.

    Parameters
    ----------
    mask
        uint8 of shape ``(height, width)``; painted on.
    points
        float64 of shape ``(count, 2)``, px.
    radius
        Of the brush, px.
    hardness
        Share of the radius that is filled wholly, from 0 to below 1.
    erase
        Whether to keep, instead of to fill.
    """
    lines = Lines(points)
    core = radius * hardness
    for top, left in lines.tiles(mask.shape, radius):
        tile = mask[top : top + _TILE, left : left + _TILE]
        away = lines.distance(left + _TILE / 2, top + _TILE / 2)
        nearest = float(away.min())
        if nearest - _HALF >= radius:
            continue
        if nearest + _HALF <= core:
            tile[...] = 0 if erase else 255
            continue
        square = np.full(tile.shape, radius * radius, np.float32)
        asked = np.flatnonzero(away <= min(nearest + 2 * _HALF, radius + _HALF))
        lines.sink(asked, square, (left, top), radius)
        level = _level(square, radius, core)
        if erase:
            np.minimum(tile, 255 - level, out=tile)
        else:
            np.maximum(tile, level, out=tile)


def _level(square: Floats32, radius: float, core: float) -> Grey:
    """255 up to ``core`` px from the line, 0 from ``radius`` on, and a smooth step between.

    In place, for speed: ``square`` is the squared distance, and used up.
    """
    falling = np.sqrt(square, out=square)
    np.subtract(radius, falling, out=falling)
    falling *= 1 / (radius - core)
    np.minimum(falling, 1, out=falling)
    step = 765 - 510 * falling
    falling *= falling
    step *= falling
    step += 0.5
    return step.astype(np.uint8)


def ellipse(mask: Grey, box: Box, value: int) -> None:
    """Paint every pixel whose middle lies in the ellipse inside a box."""
    left, top, right, bottom = box
    height, width = mask.shape
    first, after = max(0, math.floor(left)), min(width, math.ceil(right))
    across = ((2 * np.arange(first + 0.5, after) - left - right) / (right - left)) ** 2
    for start in range(max(0, math.floor(top)), min(height, math.ceil(bottom)), _TILE):
        stop = min(start + _TILE, height, math.ceil(bottom))
        down = ((2 * np.arange(start + 0.5, stop)[:, None] - top - bottom) / (bottom - top)) ** 2
        mask[start:stop, first:after][across + down <= 1] = value


def similar(image: Image.Image, pixel: tuple[int, int], tolerance: int) -> Flags:
    """Return which pixels differ from one by at most ``tolerance`` in each channel."""
    colour = image.getpixel(pixel)
    assert isinstance(colour, tuple)
    alike = np.ones((image.height, image.width), np.bool_)
    for channel, value in zip(image.split(), colour, strict=True):
        low, high = max(0, value - tolerance), min(255, value + tolerance)
        # What is below wraps around, and is too much as well.
        alike &= (np.asarray(channel) - np.uint8(low)) <= high - low
    return alike


class Lines:
    """The straight pieces of a line, each by its middle, its direction and half its length.

    Nothing depends on which end comes first.
    """

    def __init__(self, points: Floats) -> None:
        start, stop = (points[:-1], points[1:]) if len(points) > 1 else (points, points)
        self.middle = (start + stop) / 2
        way = stop - start
        # Not hypot, which is not the same to the last bit everywhere.
        length = np.sqrt((way * way).sum(axis=1))
        self.direction = way / np.maximum(length, 1e-9)[:, None]
        self.direction[length == 0] = 1, 0
        self.half = length / 2
        self.low, self.high = np.minimum(start, stop), np.maximum(start, stop)

    def tiles(self, shape: tuple[int, ...], radius: float) -> Iterator[tuple[int, int]]:
        """Top and left of each tile that the box around a piece meets, ``radius`` px wider."""
        is_met = np.zeros([-(-side // _TILE) for side in shape], np.bool_)
        first = np.floor((self.low - radius) / _TILE).clip(0).astype(int)
        last = np.floor((self.high + radius) / _TILE).clip(-1).astype(int)
        for (left, top), (right, bottom) in zip(first.tolist(), last.tolist(), strict=True):
            is_met[top : bottom + 1, left : right + 1] = True
        for row, column in np.argwhere(is_met).tolist():
            yield row * _TILE, column * _TILE

    def distance(self, x: float | Floats, y: float | Floats) -> Floats:
        """Distance of each piece to a point, or of the only one to many, px."""
        right, down = x - self.middle[:, 0], y - self.middle[:, 1]
        across, along = self.direction.T
        beyond = np.maximum(np.abs(right * across + down * along) - self.half, 0)
        aside = down * across - right * along
        return np.asarray(np.sqrt(beyond * beyond + aside * aside))

    def sink(
        self, pieces: npt.NDArray[np.intp], square: Floats32, corner: tuple[int, int], radius: float
    ) -> None:
        """Lower ``square``, of a tile, to the squared distance to the nearest of some pieces.

        Only where that is less than the radius: each piece is asked in a box around it.
        """
        x, y = _MIDDLES[: square.shape[1]], _MIDDLES[: square.shape[0]]
        (right, down), (across, along), half = (
            value.T[..., None]
            for value in (
                self.middle[pieces] - corner, self.direction[pieces], self.half[pieces]
            )
        )  # fmt: skip
        # Half the width is enough once what a row has in common is subtracted: what is left is
        # large only where it does not matter.
        passed = (y - down) * along - right * across
        ahead, sideways, onward, back, beside = (
            values.astype(np.float32)
            for values in (
                x * across, x * along, passed - half, -passed - half,
                (y - down) * across + right * along,
            )
        )  # fmt: skip
        low = np.floor(self.low[pieces] - corner - radius).clip(0).astype(int).tolist()
        high = np.ceil(self.high[pieces] - corner + radius).clip(0).astype(int).tolist()
        for piece, (first, after) in enumerate(zip(low, high, strict=True)):
            columns, rows = (slice(*ends) for ends in zip(first, after, strict=True))
            near = square[rows, columns]
            beyond = ahead[piece, columns] + onward[piece, rows, None]
            np.maximum(beyond, back[piece, rows, None] - ahead[piece, columns], out=beyond)
            np.maximum(beyond, 0, out=beyond)
            beyond *= beyond
            aside = beside[piece, rows, None] - sideways[piece, columns]
            aside *= aside
            beyond += aside
            np.minimum(near, beyond, out=near)
