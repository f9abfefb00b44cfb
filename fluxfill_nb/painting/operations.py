"""Operations: strokes, shapes, areas that a click picks, and changes of the whole mask."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from PIL import Image, ImageFilter

from ..errors import InvalidImage
from ..mask import Box, Size, morphology
from ..mask.reading import FILLED
from . import checks, raster
from .checks import Mode, Pairs
from .operation import Grey, IntBox, Operation
from .raster import Flags

# From any point, the middle of some pixel is within half a pixel's diagonal.
_THINNEST = math.sqrt(0.5)
# How many points a repr shows.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Stroke(Operation, kind="stroke"):
    """A stroke of a round brush, or of an eraser.

    Parameters
    ----------
    points
        (x, y) pairs, px; a single one is a dot.
    size
        Diameter of the brush, px, from 1 to 10 000.
    hardness
        1: black and white, the pixels of `Mask.from_strokes`. Below: this share of the brush fills
        wholly, and from there less and less up to the rim. Where a stroke crosses itself, the
        larger value counts.
    mode
        "add" fills, "subtract" erases.

    Examples
    --------
    >>> from fluxfill_nb.painting import Log, Stroke
    >>> stroke = Stroke([(20, 20), (40.04, 20)], size=10)
    >>> stroke.points
    ((20.0, 20.0), (40.0, 20.0))
    >>> Log((64, 48), (stroke,)).replay().bbox
    (15, 15, 45, 25)
    """

    _in_verb: ClassVar = ("mode",)
    points: Pairs
    size: float = 20.0
    hardness: float = 1.0
    mode: Literal["add", "subtract"] = "add"

    def __post_init__(self) -> None:
        self._become(
            points=checks.pairs(self.points),
            size=checks.number("brush's size", self.size, 1, checks.LARGEST),
            hardness=checks.number("hardness", self.hardness, 0, 1, digits=2),
            mode=checks.mode(self.mode, ("add", "subtract")),
        )

    def __repr__(self) -> str:
        return (
            f"Stroke({_named(self.points)}, size={self.size!r}, hardness={self.hardness!r}, "
            f"mode={self.mode!r})"
        )

    @property
    def verb(self) -> str:
        """The method that does the same."""
        return "brush" if self.mode == "add" else "erase"

    def reach(self, size: Size) -> IntBox | None:
        """Return the box around the line, as wide as the brush."""
        return _around(self.points, size, self._radius)

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        points = np.array(self.points)
        erase = self.mode == "subtract"
        if self.hardness == 1:
            morphology.paint_stroke(mask, points, self._radius, 0 if erase else 255)
        else:
            raster.soft_stroke(mask, points, self._radius, self.hardness, erase=erase)

    def simplified(self, tolerance: float = 0.5) -> Stroke:
        """Return the stroke with as many points left out as change the line by ``tolerance`` px.

        No point was further from the line that is left (Ramer, Douglas and Peucker).
        """
        points = np.array(self.points)
        is_kept = np.zeros(len(points), np.bool_)
        is_kept[[0, -1]] = True
        pieces = [(0, len(points) - 1)]
        while pieces:
            first, last = pieces.pop()
            away = raster.Lines(points[[first, last]]).distance(*points[first : last + 1].T)
            furthest = first + int(away.argmax())
            if away.max() > tolerance:
                is_kept[furthest] = True
                pieces += [(first, furthest), (furthest, last)]
        return dataclasses.replace(self, points=checks.pairs(points[is_kept]))

    @property
    def _radius(self) -> float:
        return max(self.size / 2, _THINNEST)


class Shape(Operation):
    """An outline that is filled, kept, or all that is filled afterwards."""

    __slots__ = ()
    mode: Mode

    def reach(self, size: Size) -> IntBox | None:
        """Return the box around the outline; of "replace", the whole picture."""
        return (0, 0, *size) if self.mode == "replace" else _around(self._corners, size)

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        if self.mode == "replace":
            mask[...] = 0
        self._draw(mask, 0 if self.mode == "subtract" else 255)

    @property
    @abstractmethod
    def _corners(self) -> Pairs: ...

    @abstractmethod
    def _draw(self, mask: Grey, value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Boxed(Shape):
    """A shape inside a box."""

    box: Box
    mode: Mode = "add"

    def __post_init__(self) -> None:
        self._become(box=checks.edges(self.box), mode=checks.mode(self.mode))

    @property
    def _corners(self) -> Pairs:
        return self.box[:2], self.box[2:]


@dataclass(frozen=True, slots=True)
class Rectangle(_Boxed, kind="rectangle"):
    """The pixels of `Mask.from_box`: (left, top, right, bottom), px."""

    def _draw(self, mask: Grey, value: int) -> None:
        left, top, right, bottom = (max(0, math.floor(edge + 0.5)) for edge in self.box)
        mask[top:bottom, left:right] = value


@dataclass(frozen=True, slots=True)
class Ellipse(_Boxed, kind="ellipse"):
    """The pixels of `Mask.from_ellipse`: inside (left, top, right, bottom), px."""

    def _draw(self, mask: Grey, value: int) -> None:
        raster.ellipse(mask, self.box, value)


@dataclass(frozen=True, slots=True)
class Polygon(Shape, kind="polygon"):
    """The pixels of `Mask.from_polygon`: at least three (x, y), px; of a lasso, its line."""

    points: Pairs
    mode: Mode = "add"

    def __post_init__(self) -> None:
        self._become(points=checks.pairs(self.points, at_least=3), mode=checks.mode(self.mode))

    def __repr__(self) -> str:
        return f"Polygon({_named(self.points)}, mode={self.mode!r})"

    @property
    def _corners(self) -> Pairs:
        return self.points

    def _draw(self, mask: Grey, value: int) -> None:
        morphology.paint_polygon(mask, np.array(self.points), value)


class Area(Operation):
    """What a click on a pixel picks."""

    __slots__ = ()
    point: tuple[float, float]
    mode: Mode

    def reach(self, size: Size) -> IntBox | None:
        """Return the whole picture, if the pixel is in it."""
        x, y = self._pixel
        return (0, 0, *size) if 0 <= x < size[0] and 0 <= y < size[1] else None

    def _paint(self, mask: Grey, image: Image.Image | None, /) -> None:
        picked = self._picked(mask, image)
        if self.mode == "replace":
            mask[...] = 0
        mask[picked] = 0 if self.mode == "subtract" else 255

    @property
    def _pixel(self) -> tuple[int, int]:
        x, y = self.point
        return math.floor(x), math.floor(y)

    @abstractmethod
    def _picked(self, mask: Grey, image: Image.Image | None, /) -> Flags: ...


@dataclass(frozen=True, slots=True)
class Fill(Area, kind="fill"):
    """The bucket: the connected area of the mask around a pixel, all filled or all kept.

    Connected are the four neighbours; filled is what has 128 or more.
    """

    point: tuple[float, float]
    mode: Mode = "add"

    def __post_init__(self) -> None:
        self._become(point=checks.in_pixel(self.point), mode=checks.mode(self.mode))

    def _picked(self, mask: Grey, _: Image.Image | None, /) -> Flags:
        filled = mask >= FILLED
        x, y = self._pixel
        return morphology.connected(filled == filled[y, x], (x, y))


@dataclass(frozen=True, slots=True)
class Wand(Area, kind="wand"):
    """The wand: what has about the colour that the picture has at a pixel.

    Parameters
    ----------
    point
        (x, y), px.
    tolerance
        Largest difference in any channel, 0 to 255.
    contiguous
        Whether only what is connected with the pixel (4 neighbours).
    mode
        "add", "subtract" or "replace".
    """

    point: tuple[float, float]
    tolerance: int = 32
    contiguous: bool = True
    mode: Mode = "add"

    def __post_init__(self) -> None:
        self._become(
            point=checks.in_pixel(self.point),
            tolerance=checks.whole("tolerance", self.tolerance, 0, 255),
            contiguous=checks.flag("contiguous", self.contiguous),
            mode=checks.mode(self.mode),
        )

    def _picked(self, _: Grey, image: Image.Image | None, /) -> Flags:
        if image is None:
            raise InvalidImage("The wand goes by the picture's colours: give the picture as well.")
        alike = raster.similar(image, self._pixel, self.tolerance)
        return morphology.connected(alike, self._pixel) if self.contiguous else alike


@dataclass(frozen=True, slots=True)
class Clear(Operation, kind="clear"):
    """Nothing is filled."""

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        mask[...] = 0


@dataclass(frozen=True, slots=True)
class Invert(Operation, kind="invert"):
    """Filled is what was kept, and the other way round."""

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        np.subtract(255, mask, out=mask)


@dataclass(frozen=True, slots=True)
class Grow(Operation, kind="grow"):
    """`Mask.grow`: by whole px, 0 to 10 000."""

    radius: int

    def __post_init__(self) -> None:
        self._become(radius=checks.whole("radius to grow by", self.radius, 0, checks.LARGEST))

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        mask[...] = morphology.dilate(mask, self.radius)


@dataclass(frozen=True, slots=True)
class Shrink(Operation, kind="shrink"):
    """`Mask.shrink`: by whole px, 0 to 10 000."""

    radius: int

    def __post_init__(self) -> None:
        self._become(radius=checks.whole("radius to shrink by", self.radius, 0, checks.LARGEST))

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        mask[...] = 255 - morphology.dilate(255 - mask, self.radius)


@dataclass(frozen=True, slots=True)
class Feather(Operation, kind="feather"):
    """`Mask.feather`: by px, 0 to 10 000."""

    radius: float

    def __post_init__(self) -> None:
        self._become(radius=checks.number("radius to feather by", self.radius, 0, checks.LARGEST))

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        blur = ImageFilter.GaussianBlur(self.radius / 2)
        mask[...] = np.asarray(Image.fromarray(mask).filter(blur))


@dataclass(frozen=True, slots=True)
class FillHoles(Operation, kind="fill_holes"):
    """`Mask.fill_holes`: every part is filled that the mask encloses."""

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        mask[morphology.enclosed(mask < FILLED)] = 255


def _named(points: Pairs) -> str:
    """Points in a repr: all if they are few."""
    if len(points) <= _FEW:
        return f"points={points!r}"
    return f"{len(points):,} points from {points[0]!r} to {points[-1]!r}"


def _around(points: Pairs, size: Size, margin: float = 0.0) -> IntBox | None:
    """The box of whole px around points, within the picture; None if that is empty."""
    columns, rows = zip(*points, strict=True)
    left, top = (max(0, math.floor(min(values) - margin)) for values in (columns, rows))
    right, bottom = (
        min(side, math.ceil(max(values) + margin))
        for side, values in zip(size, (columns, rows), strict=True)
    )
    return (left, top, right, bottom) if left < right and top < bottom else None
