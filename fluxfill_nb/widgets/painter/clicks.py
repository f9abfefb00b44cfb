"""Clicks: the gesture that collects points one by one until it is closed."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...painting import Polygon
from .gesture import SAME_PLACE, Waiting, place
from .outcomes import Done, Dropped, Outcomes, Point, Settings, Shape, Used
from .viewport import Viewport

# Two clicks within this time, seconds, are a double click.
_DOUBLE_CLICK = 0.45
# A click this near to a polygon's first point, canvas px, closes it.
_HOME = 8.0


class DoubleClick:
    """Remembers a click, to know whether the next one is its second half."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Take the next click for a first one."""
        self._clicked: tuple[float, Point] = -math.inf, (0, 0)

    def is_second(self, at: Point) -> bool:
        """Whether a click at `at`, canvas px, now, is the second half."""
        (when, where), self._clicked = self._clicked, (self._clock(), at)
        return self._clicked[0] - when <= _DOUBLE_CLICK and math.dist(at, where) <= SAME_PLACE


class Clicks(Waiting):
    """Points clicked one by one and then closed: a polygon's, or a plugged-in tool's."""

    def __init__(self, settings: Settings, double_click: DoubleClick) -> None:
        super().__init__(settings)
        self._double_click = double_click
        self._points: list[Point] = []
        self._tip: Point | None = None
        self._is_home = self._is_double = False

    @property
    def is_waiting(self) -> bool:
        """Whether there are points."""
        return bool(self._points)

    def press(self, at: Point, view: Viewport) -> Outcomes:
        """Put a point at `at`, if this is not the second half of a double click."""
        self._is_double = self._double_click.is_second(at)
        return self.drag(at, view)

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        """Move the new point."""
        return () if self._is_double else self.hover(at, view)

    def hover(self, at: Point, view: Viewport) -> Outcomes:
        """Show the line to `at`, or back to the first point if a click would close it."""
        self._tip = place(at, view)
        may_close = self._is_polygon and len(self._points) >= 3
        self._is_home = may_close and math.dist(at, view.to_canvas(*self._points[0])) <= _HOME
        return self._shown()

    def release(self) -> Outcomes:
        """Keep the new point, or close."""
        if self._is_double or self._is_home:
            return self.close()
        if self._tip is not None and self._points[-1:] != [self._tip]:
            self._points.append(self._tip)
        return self.leave()

    def retract(self) -> Outcomes:
        """Forget the new point."""
        self._double_click.forget()
        return self.leave()

    def leave(self) -> Outcomes:
        """Show the points that are kept."""
        self._tip = None
        self._is_home = False
        return self._shown() if self._points else (Dropped(),)

    def take_back(self) -> Outcomes:
        """Forget the last of the points that are kept."""
        del self._points[-1:]
        return self.leave()

    def close(self) -> Outcomes:
        """Make something of the points, if they are enough."""
        if len(self._points) < (3 if self._is_polygon else 1):
            return ()
        points, self._points = tuple(self._points), []
        if self._is_polygon:
            return (Done(Polygon(points, self.settings.mode)),)
        return (Used(self.settings.tool, points),)

    @property
    def _is_polygon(self) -> bool:
        return self.settings.tool == "polygon"

    def _shown(self) -> Outcomes:
        points = *self._points, *([] if self._tip is None or self._is_home else [self._tip])
        return (Shape("polyline", points, self._is_home, self.settings.mode),)
