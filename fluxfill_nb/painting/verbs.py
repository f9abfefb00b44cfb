"""Verbs: painting in Python, the same whether on a `Painting` or in a painter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidOption
from ..images import encode_png
from ..mask import Box, Mask, MaskSource, Points
from .checks import Mode, pairs
from .load import Load
from .operation import IntBox, Operation
from .operations import (
    Clear,
    Ellipse,
    Feather,
    Fill,
    FillHoles,
    Grow,
    Invert,
    Polygon,
    Rectangle,
    Shrink,
    Stroke,
    Wand,
)


class Verbs:
    """What can be done to a mask. Each verb is one operation: logged, and undone in one step.

    Coordinates are px of the picture, and may lie outside it. ``mode`` is "add" (fill), "subtract"
    (keep) or "replace" (fill this alone). A value that cannot be raises
    `fluxfill_nb.errors.InvalidInput` before anything has changed.

    Examples
    --------
    >>> from PIL import Image
    >>> from fluxfill_nb.painting import Painting
    >>> painting = Painting(Image.new("RGB", (64, 48)))
    >>> painting.brush([(12, 12), (40, 30)], size=8)
    >>> painting.invert()
    >>> painting.undo()
    (0, 0, 64, 48)
    """

    if TYPE_CHECKING:
        # What a class brings along to have the verbs. Declared, not inherited: an abstract base
        # class has another metaclass than widgets.

        @property
        def mask(self) -> Mask:
            """The mask as it is now."""

        def apply(self, operation: Operation) -> IntBox | None:
            """Paint an operation; return the box that has changed."""

        def undo(self) -> IntBox | None:
            """Take the last operation back; return the box that has changed."""

        def redo(self) -> IntBox | None:
            """Do again what was undone last; return the box that has changed."""

    def brush(self, points: Points, size: float = 20.0, hardness: float = 1.0) -> None:
        """Fill along a line with a round brush.

        Parameters
        ----------
        points
            (x, y) pairs, px; a single one is a dot.
        size
            Diameter of the brush, px, from 1 to 10 000.
        hardness
            Share of the brush that fills wholly, 0 to 1; from there to the rim, less and less.
        """
        self.apply(Stroke(pairs(points), size, hardness))

    def erase(self, points: Points, size: float = 20.0, hardness: float = 1.0) -> None:
        """Keep what lies along a line: the brush's opposite.

        Parameters
        ----------
        points
            (x, y) pairs, px; a single one is a dot.
        size
            Diameter of the eraser, px, from 1 to 10 000.
        hardness
            Share of it that erases wholly, 0 to 1; from there to the rim, less and less.
        """
        self.apply(Stroke(pairs(points), size, hardness, "subtract"))

    def line(
        self,
        start: tuple[float, float],
        stop: tuple[float, float],
        size: float = 20.0,
        hardness: float = 1.0,
    ) -> None:
        """Fill a straight line with the brush.

        Parameters
        ----------
        start, stop
            Its ends, (x, y), px.
        size, hardness
            Of the brush, as in `brush`.
        """
        self.brush([start, stop], size, hardness)

    def rectangle(self, box: Box, mode: Mode = "add") -> None:
        """Fill a rectangle.

        Parameters
        ----------
        box
            (left, top, right, bottom), px.
        mode
            "add", "subtract" or "replace": what the shape does to the mask.
        """
        self.apply(Rectangle(box, mode))

    def ellipse(self, box: Box, mode: Mode = "add") -> None:
        """Fill the ellipse inside a box.

        Parameters
        ----------
        box
            (left, top, right, bottom), px.
        mode
            "add", "subtract" or "replace": what the shape does to the mask.
        """
        self.apply(Ellipse(box, mode))

    def polygon(self, points: Points, mode: Mode = "add") -> None:
        """Fill what a closed line goes round, a polygon's or a lasso's.

        Parameters
        ----------
        points
            At least three (x, y), px.
        mode
            "add", "subtract" or "replace": what the shape does to the mask.
        """
        self.apply(Polygon(pairs(points), mode))

    def fill(self, point: tuple[float, float], mode: Mode = "add") -> None:
        """Fill the connected area of the mask around a point: the inside of an outline, say.

        Parameters
        ----------
        point
            (x, y), px.
        mode
            "add", "subtract" or "replace": what the shape does to the mask.
        """
        self.apply(Fill(point, mode))

    def wand(
        self,
        point: tuple[float, float],
        tolerance: int = 32,
        contiguous: bool = True,
        mode: Mode = "add",
    ) -> None:
        """Fill what has about the picture's colour at a point.

        Parameters
        ----------
        point
            (x, y), px.
        tolerance
            Largest difference in any channel, 0 to 255.
        contiguous
            Whether only what is connected with the point.
        mode
            "add", "subtract" or "replace".
        """
        self.apply(Wand(point, tolerance, contiguous, mode))

    def clear(self) -> None:
        """Fill nothing."""
        self.apply(Clear())

    def invert(self) -> None:
        """Fill what was kept, and keep what was filled."""
        self.apply(Invert())

    def grow(self, radius: int) -> None:
        """Grow what is filled by a disc of a radius in whole px."""
        self.apply(Grow(radius))

    def shrink(self, radius: int) -> None:
        """Shrink what is filled by a disc of a radius in whole px."""
        self.apply(Shrink(radius))

    def feather(self, radius: float) -> None:
        """Soften the edges, about ``radius`` px to either side."""
        self.apply(Feather(radius))

    def fill_holes(self) -> None:
        """Fill every part that the mask encloses."""
        self.apply(FillHoles())

    def load(self, source: MaskSource) -> None:
        """Put another mask in this one's place.

        Parameters
        ----------
        source
            Anything that `fluxfill_nb.Mask` takes, of the picture's size.
        """
        self.apply(Load.of(Mask(source)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mask, soft edges included, as a PNG file; `load` reads it back.

        Parameters
        ----------
        path
            Ends with .png.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            It ends otherwise.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise InvalidOption(f"The mask is saved as PNG: give {path.stem}.png, not {path.name}.")
        path.write_bytes(encode_png(self.mask.to_pil()))
