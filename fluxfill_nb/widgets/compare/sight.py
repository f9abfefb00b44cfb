"""The sight: what of two pictures is seen on a canvas, and how. A value, without a widget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from ...mask import Size
from ..painter.viewport import Viewport

Mode: TypeAlias = Literal["swipe", "side", "flicker", "difference"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""One picture left of a divider and the other right of it; both side by side; one after the other;
how far they are apart."""

GAP = 4
"""What stays free between two pictures side by side, canvas px; an even number."""

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """Two pictures on a canvas. Frozen: the methods return new sights.

    Parameters
    ----------
    canvas
        (width, height), canvas px.
    viewport
        Which part of the pictures a pane shows, and how large. Its canvas is the pane.
    mode
        One of `MODES`.
    divider
        Where the one picture ends and the other begins, as a share of what is seen: 0 left, 1
        right.
    pair
        Which pictures: the left one, or first, and the other.
    amplify
        How many times as large differences are shown.
    outlined
        Whether the mask is outlined.

    Examples
    --------
    >>> sight = Sight.whole((640, 480), (800, 600))
    >>> sight.panes
    ((0, 0, 800, 600),)
    >>> sight.line
    400
    >>> beside = sight.in_mode("side")
    >>> beside.panes
    ((0, 0, 398, 600), (402, 0, 800, 600))
    >>> beside.viewport.scale
    0.621875
    """

    canvas: Size
    viewport: Viewport
    mode: Mode = "swipe"
    divider: float = 0.5
    pair: tuple[int, int] = (0, 1)
    amplify: float = 4.0
    outlined: bool = False

    @classmethod
    def whole(cls, picture: Size, canvas: Size) -> Sight:
        """Return the sight of whole pictures, with a divider in the middle."""
        return cls(canvas, Viewport.fit(picture, canvas, 0))

    @property
    def panes(self) -> tuple[Box, ...]:
        """Where pictures are shown: (left, top, right, bottom), canvas px."""
        return _panes(self.canvas, self.mode)

    @property
    def fitted(self) -> Viewport:
        """The view of the whole picture in a pane."""
        return Viewport.fit(self.viewport.picture, self.viewport.canvas, 0)

    @property
    def is_whole(self) -> bool:
        """Whether no more can be seen of the pictures."""
        return self.viewport == self.fitted

    @property
    def span(self) -> tuple[float, float]:
        """From where to where a pane shows the picture, canvas px."""
        view = self.viewport
        right = view.to_canvas(view.picture[0], 0)[0]
        return max(0.0, view.x), min(float(view.canvas[0]), right)

    @property
    def line(self) -> int:
        """Where the divider is, canvas px."""
        left, right = self.span
        return round(left + (right - left) * self.divider)

    def with_line(self, x: float) -> Sight:
        """Return the sight with the divider at a place, canvas px, or as near as there is picture.

        Examples
        --------
        >>> Sight.whole((640, 480), (800, 600)).with_line(200).divider
        0.25
        """
        left, right = self.span
        return replace(self, divider=min(max((x - left) / (right - left), 0.0), 1.0))

    def in_mode(self, mode: Mode) -> Sight:
        """Return the sight in another mode: of the whole, or about the same place as before."""
        left, top, right, bottom = _panes(self.canvas, mode)[0]
        old, pane = self.viewport, (right - left, bottom - top)
        if pane == old.canvas:
            return replace(self, mode=mode)
        if self.is_whole:
            return replace(self, mode=mode, viewport=Viewport.fit(old.picture, pane, 0))
        x, y = old.to_picture(old.canvas[0] / 2, old.canvas[1] / 2)
        middle = pane[0] / 2, pane[1] / 2
        moved = replace(old, canvas=pane, x=middle[0] - x * old.scale, y=middle[1] - y * old.scale)
        return replace(self, mode=mode, viewport=moved.zoomed(1, middle))

    def pane_of(self, x: float) -> int:
        """Return in which pane a place is, or to which it is nearest."""
        return int(len(self.panes) > 1 and x >= self.canvas[0] / 2)


def _panes(canvas: Size, mode: Mode) -> tuple[Box, ...]:
    width, height = canvas
    if mode != "side":
        return ((0, 0, width, height),)
    side = (width - GAP) // 2
    return (0, 0, side, height), (width - side, 0, width, height)
