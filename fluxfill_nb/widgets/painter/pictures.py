"""What the canvas shows, rendered in the kernel: the part of picture and mask that a viewport sees.

Each is rendered at the canvas' resolution, so that what is sent depends on the canvas alone, not on
the picture, however large.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from ...mask.morphology import dilate
from ...mask.reading import FILLED
from ...painting.operation import Grey, IntBox
from .viewport import Viewport

CRISP = 4.0
"""From this scale on, each pixel of the picture is seen as a square."""

_QUALITY = 90
# Width of each of the outline's two lines, canvas px.
_LINE = 2


class Patch(NamedTuple):
    """A file to be put on the canvas, and where, canvas px."""

    file: bytes
    left: int
    top: int
    right: int
    bottom: int


class Pyramid:
    """A picture and its halves, so that any part of it is soon rendered at any scale."""

    def __init__(self, image: Image.Image) -> None:
        self._levels = [image]

    @property
    def image(self) -> Image.Image:
        """The picture itself, RGB."""
        return self._levels[0]

    def render(self, viewport: Viewport) -> Patch | None:
        """Return what of the picture is seen, as a file."""
        seen = self.seen(viewport)
        return None if seen is None else encoded(*seen, viewport)

    def seen(self, viewport: Viewport) -> tuple[Image.Image, IntBox] | None:
        """Return what of the picture is seen, and where, canvas px; None if nothing is."""
        if (place := _place(viewport, (0, 0, *viewport.picture))) is None:
            return None
        scale, level = viewport.scale, 0
        while scale <= 0.5 and min(self._level(level).size) > 1:
            scale, level = scale * 2, level + 1
        source = self._level(level)
        # A level's pixel is 2**level wide; at the right and bottom edges it may be cut off.
        edges = (*viewport.to_picture(*place[:2]), *viewport.to_picture(*place[2:]))
        left, top, right, bottom = (edge / 2**level for edge in edges)
        width, height = source.size
        # Never empty, though edges are rounded to whole canvas px.
        box = (
            min(max(0.0, left), width - 0.01), min(max(0.0, top), height - 0.01),
            max(0.01, min(width, right)), max(0.01, min(height, bottom)),
        )  # fmt: skip
        size = place[2] - place[0], place[3] - place[1]
        how = Image.Resampling.NEAREST if viewport.scale >= CRISP else Image.Resampling.BICUBIC
        return source.resize(size, how, box), place

    def _level(self, level: int) -> Image.Image:
        while len(self._levels) <= level:
            self._levels.append(self._levels[-1].reduce(2))
        return self._levels[level]


def encoded(seen: Image.Image, place: IntBox, viewport: Viewport) -> Patch:
    """Return what is seen as a file: a JPEG, or a PNG where single pixels are."""
    buffer = io.BytesIO()
    if viewport.scale >= CRISP:
        seen.save(buffer, "PNG", compress_level=1)
    else:
        seen.save(buffer, "JPEG", quality=_QUALITY)
    return Patch(buffer.getvalue(), *place)


def render_mask(
    pixels: Callable[[IntBox], Grey], viewport: Viewport, box: IntBox, colour: str
) -> Patch | None:
    """Return a part of the mask in a colour, as opaque as it is filled; None if it is not seen.

    Parameters
    ----------
    pixels
        Gives the mask's values in a box.
    viewport
        Of the canvas.
    box
        The part, (left, top, right, bottom), px of the picture.
    colour
        As CSS writes it.
    """
    if (place := _place(viewport, box, 1)) is None:
        return None
    picture = Image.fromarray(_scaled(pixels, viewport, place))
    # The value is the place in the palette, and each place as opaque as its number.
    picture.putpalette(ImageColor.getrgb(colour)[:3] * 256)
    return Patch(_palette_png(picture, bytes(range(256))), *place)


def render_outline(
    pixels: Callable[[IntBox], Grey], viewport: Viewport, box: IntBox
) -> Patch | None:
    """Return the outline of a part of the mask: light inside, dark outside; None if not seen."""
    # What changes in the box changes lines around it, and what lies around it lines inside.
    if (place := _place(viewport, box, _LINE + 1)) is None:
        return None
    around = _around(viewport, place, _LINE)
    # Beyond the picture nothing is filled, so that a line runs along its edge.
    hard = np.pad((_scaled(pixels, viewport, around) >= FILLED).astype(np.uint8), _LINE)
    lines = np.where(hard, 2 * dilate(1 - hard, _LINE), dilate(hard, _LINE))
    picture = Image.fromarray(_cut(lines[_LINE:-_LINE, _LINE:-_LINE], around, place))
    picture.putpalette((0, 0, 0, 0, 0, 0, 255, 255, 255))
    return Patch(_palette_png(picture, bytes((0, 200, 255))), *place)


def joined(one: IntBox | None, other: IntBox) -> IntBox:
    """Return the box around both."""
    if one is None:
        return other
    return (
        min(one[0], other[0]), min(one[1], other[1]),
        max(one[2], other[2]), max(one[3], other[3]),
    )  # fmt: skip


def _palette_png(image: Image.Image, opacity: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=opacity, compress_level=1)
    return buffer.getvalue()


def _scaled(pixels: Callable[[IntBox], Grey], viewport: Viewport, place: IntBox) -> Grey:
    """The mask's values in a place of the canvas, at the canvas' resolution."""
    if viewport.scale >= 1:
        return _enlarged(pixels, viewport, place)
    # The filter looks a canvas px around; so patches get what is there as well, and have no seams.
    around = _around(viewport, place, 1)
    source = (*viewport.to_picture(*around[:2]), *viewport.to_picture(*around[2:]))
    left, top = map(math.floor, source[:2])
    right, bottom = map(math.ceil, source[2:])
    width, height = viewport.picture
    # Edges of the picture are rounded to whole canvas px: what is beyond is as what is beside it.
    beyond = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    array = pixels((max(0, left), max(0, top), min(width, right), min(height, bottom)))
    if any(beyond):
        array = np.pad(array, (beyond[:2], beyond[2:]), "edge")
    scaled = Image.fromarray(array).resize(
        (around[2] - around[0], around[3] - around[1]),
        Image.Resampling.HAMMING,
        (source[0] - left, source[1] - top, source[2] - left, source[3] - top),
    )
    return _cut(np.asarray(scaled), around, place)


def _enlarged(pixels: Callable[[IntBox], Grey], viewport: Viewport, place: IntBox) -> Grey:
    """The same, where a px of the picture is no smaller than one of the canvas."""

    # Of each px of the canvas by itself: what lies on a border falls to one side in every patch.
    def under(first: int, after: int, origin: float, side: int) -> npt.NDArray[np.intp]:
        middles = np.arange(first, after) + 0.5
        found: npt.NDArray[np.intp] = np.floor((middles - origin) / viewport.scale).astype(np.intp)
        return found.clip(0, side - 1)

    columns = under(place[0], place[2], viewport.x, viewport.picture[0])
    rows = under(place[1], place[3], viewport.y, viewport.picture[1])
    left, top = int(columns[0]), int(rows[0])
    array = pixels((left, top, int(columns[-1]) + 1, int(rows[-1]) + 1))
    return np.ascontiguousarray(array[np.ix_(rows - top, columns - left)])


def _cut(array: Grey, around: IntBox, place: IntBox) -> Grey:
    """What of an array that covers one place lies in another."""
    left, top = around[:2]
    return np.ascontiguousarray(
        array[place[1] - top : place[3] - top, place[0] - left : place[2] - left]
    )


def _around(viewport: Viewport, place: IntBox, margin: int) -> IntBox:
    """A place with a margin, canvas px, as far as there is picture."""
    whole = _whole(viewport)
    return (
        max(whole[0], place[0] - margin),
        max(whole[1], place[1] - margin),
        min(whole[2], place[2] + margin),
        min(whole[3], place[3] + margin),
    )


def _place(viewport: Viewport, box: IntBox, margin: int = 0) -> IntBox | None:
    """Where on the canvas a part of the picture is, whole canvas px; None if it is not seen."""
    whole = _whole(viewport)
    left, top = viewport.to_canvas(*box[:2])
    right, bottom = viewport.to_canvas(*box[2:])
    place = (
        max(0, whole[0], math.floor(left) - margin),
        max(0, whole[1], math.floor(top) - margin),
        min(viewport.canvas[0], whole[2], math.ceil(right) + margin),
        min(viewport.canvas[1], whole[3], math.ceil(bottom) + margin),
    )
    return place if place[0] < place[2] and place[1] < place[3] else None


def _whole(viewport: Viewport) -> IntBox:
    """Where the picture is, in whole canvas px; much of it may be beyond the canvas."""
    left, top = (math.floor(edge + 0.5) for edge in viewport.to_canvas(0, 0))
    right, bottom = (math.floor(edge + 0.5) for edge in viewport.to_canvas(*viewport.picture))
    # A picture that is thinner than a canvas px is seen all the same.
    return left, top, max(left + 1, right), max(top + 1, bottom)
