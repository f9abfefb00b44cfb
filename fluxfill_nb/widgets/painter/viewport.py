"""The viewport: which part of the picture is seen on the canvas, and how large."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...mask import Size

_MARGIN = 24.0
# Canvas px per picture px: single pixels are easily hit, and still several of them are seen.
_CLOSEST = 32.0
# How much of the picture stays in sight wherever it is moved to, canvas px.
_IN_SIGHT = 48.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """A picture on a canvas, scaled and moved. Frozen: the methods return new viewports.

    Parameters
    ----------
    picture
        (width, height) of the picture, px.
    canvas
        (width, height) of the canvas, canvas px.
    scale
        Canvas px per picture px.
    x, y
        Where the picture's top left corner is, canvas px.

    Examples
    --------
    >>> view = Viewport.fit((640, 480), (720, 600))
    >>> view.scale, view.x, view.y
    (1.05, 24.0, 48.0)
    >>> view.zoomed(2, at=(24, 48)).visible
    (0, 0, 332, 263)
    """

    picture: Size
    canvas: Size
    scale: float
    x: float
    y: float

    @classmethod
    def fit(cls, picture: Size, canvas: Size, margin: float = _MARGIN) -> Viewport:
        """Return the view of the whole picture, in the middle of the canvas.

        Parameters
        ----------
        picture, canvas
            (width, height) of either, px.
        margin
            What stays free on all sides at least, canvas px; less where the canvas is tiny.

        Examples
        --------
        >>> Viewport.fit((4000, 1000), (720, 600)).scale
        0.168
        """
        scale = min(
            (of_canvas - 2 * min(margin, of_canvas / 4)) / of_picture
            for of_canvas, of_picture in zip(canvas, picture, strict=True)
        )
        return cls(picture, canvas, min(scale, _CLOSEST), 0, 0)._centred()

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest scale: half of what fits, or 1:1, up to pixels as large as tiles."""
        return min(1.0, Viewport.fit(self.picture, self.canvas).scale / 2), _CLOSEST

    @property
    def visible(self) -> tuple[int, int, int, int] | None:
        """The pixels seen, in part or whole: (left, top, right, bottom), px; None if there is none.

        Examples
        --------
        >>> Viewport((640, 480), (300, 200), scale=2, x=-100, y=50).visible
        (50, 0, 200, 75)
        """
        left, top = (max(0, math.floor(edge)) for edge in self.to_picture(0, 0))
        right, bottom = (
            min(side, math.ceil(edge))
            for side, edge in zip(self.picture, self.to_picture(*self.canvas), strict=True)
        )
        return (left, top, right, bottom) if left < right and top < bottom else None

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Return where in the picture a point of the canvas is, px."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Return where on the canvas a point of the picture is, canvas px."""
        return x * self.scale + self.x, y * self.scale + self.y

    def zoomed(self, factor: float, at: tuple[float, float]) -> Viewport:
        """Return the view `factor` times as large; the picture stays put under the point `at`.

        Parameters
        ----------
        factor
            Above 1 to come closer; kept within the limits.
        at
            (x, y), canvas px.

        Examples
        --------
        >>> view = Viewport.fit((640, 480), (720, 600))
        >>> view.zoomed(4, at=(200, 300)).to_picture(200, 300) == view.to_picture(200, 300)
        True
        """
        least, greatest = self.limits
        scale = min(max(self.scale * factor, least), greatest)
        x, y = (
            place - (place - edge) * (scale / self.scale)
            for place, edge in zip(at, (self.x, self.y), strict=True)
        )
        return replace(self, scale=scale, x=x, y=y)._in_sight()

    def at_scale(self, scale: float) -> Viewport:
        """Return the view at a scale, within the limits; the picture's middle of sight stays put.

        Examples
        --------
        >>> Viewport.fit((640, 480), (720, 600)).at_scale(3).scale
        3
        """
        least, greatest = self.limits
        scale = min(max(least, scale), greatest)
        # Exactly this one: a factor would be off by a rounding.
        return replace(self.zoomed(scale / self.scale, self._middle), scale=scale)

    def moved(self, dx: float, dy: float) -> Viewport:
        """Return the view with the picture moved, canvas px; some of it stays in sight.

        Examples
        --------
        >>> view = Viewport.fit((640, 480), (720, 600))
        >>> view.moved(30, 0).x - view.x
        30.0
        >>> view.moved(10_000, 0).visible
        (0, 0, 46, 480)
        """
        return replace(self, x=self.x + dx, y=self.y + dy)._in_sight()

    def actual(self) -> Viewport:
        """Return the view at 1:1; the picture stays put in the middle of the canvas.

        Examples
        --------
        >>> Viewport.fit((4000, 3000), (720, 600)).actual().scale
        1.0
        """
        return self.at_scale(1.0)

    @property
    def _middle(self) -> tuple[float, float]:
        return self.canvas[0] / 2, self.canvas[1] / 2

    def _centred(self) -> Viewport:
        x, y = (
            (of_canvas - of_picture * self.scale) / 2
            for of_canvas, of_picture in zip(self.canvas, self.picture, strict=True)
        )
        return replace(self, x=x, y=y)

    def _in_sight(self) -> Viewport:
        x, y = (
            _kept(edge, side * self.scale, of_canvas)
            for edge, side, of_canvas in zip(
                (self.x, self.y), self.picture, self.canvas, strict=True
            )
        )
        return replace(self, x=x, y=y)


def _kept(edge: float, shown: float, of_canvas: float) -> float:
    """Where something `shown` px long begins, moved as little as it takes to stay in sight."""
    keep = min(_IN_SIGHT, shown, of_canvas)
    return min(max(edge, keep - shown), of_canvas - keep)
