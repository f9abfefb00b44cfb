"""The kinds of gesture, one class each: what the way of the pointer comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from ...painting import Ellipse, Fill, Polygon, Rectangle, Stroke, Wand
from .clicks import Clicks, DoubleClick
from .gesture import SAME_PLACE, Gesture, Waiting, place
from .outcomes import Done, Dropped, Ink, Outcomes, Point, Seen, Settings, Shape, ShapeKind, Used
from .viewport import Viewport

# How far a simplified line may be from where the pointer was, canvas px; and, px of the picture,
# how far it always may be: points are kept to 0.1 px, which is no reason to keep them all.
_TOLERANCE = 0.5
_FINEST = 0.1
# So many points of a long line are simplified at a time.
_PIECE = 64


def begun(settings: Settings, start: Point | None, double_click: DoubleClick) -> Gesture:
    """Return a new gesture of the chosen tool.

    Parameters
    ----------
    settings
        The tool, and what it is set to.
    start
        Where in the picture a straight line to the first press begins, px, if one is wanted.
    double_click
        What the last gesture of clicks has left; a click is the second after it, too.
    """
    match settings.tool:
        case "brush" | "eraser":
            return _Brush(settings, start)
        case "line":
            return _Line(settings, start)
        case "pan":
            return _Pan(settings)
        case "fill" | "wand":
            return _Click(settings)
        case "rectangle" | "ellipse":
            return _Box(settings)
        case "lasso":
            return _Trail(settings)
        case "polygon":
            return Clicks(settings, double_click)
    if settings.gesture == "clicks":
        return Clicks(settings, double_click)
    kinds: dict[str, Callable[[Settings], Gesture]] = {
        "click": _Click, "stroke": _Trail, "box": _Box,
    }  # fmt: skip
    return kinds[settings.gesture](settings)


def hint(settings: Settings, start: Point | None, at: Point, view: Viewport) -> Shape | None:
    """Return what a press at `at`, canvas px, would paint: a dot, or a line from `start`.

    None where the tool has no brush.
    """
    if settings.tool not in ("brush", "eraser", "line"):
        return None
    points = (place(at, view),) if start is None else (start, place(at, view))
    kind: ShapeKind = "ring" if start is None else "polyline"
    return Shape(kind, points, start is None, _brush_mode(settings), settings.size)


class _Line(Waiting):
    """A straight line, dragged, or from one click to the next."""

    def __init__(self, settings: Settings, start: Point | None) -> None:
        super().__init__(settings)
        self._start = start
        self._tip: Point | None = None
        self._pressed_at: Point | None = None
        self._is_click = False

    @property
    def is_waiting(self) -> bool:
        return self._start is not None

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        if self._start is None:
            self._start, self._pressed_at = place(at, view), at
        self._is_click = (
            self._pressed_at is not None and math.dist(at, self._pressed_at) <= SAME_PLACE
        )
        return self.hover(at, view)

    def hover(self, at: Point, view: Viewport) -> Outcomes:
        self._tip = place(at, view)
        return self._shown()

    def release(self) -> Outcomes:
        if self._is_click:
            self._pressed_at = None
            return self._shown()
        points, self._start = self._points, None
        return (Done(_stroke(points, self.settings)),)

    def retract(self) -> Outcomes:
        if self._pressed_at is not None:
            self._start = None
        return self.leave()

    def leave(self) -> Outcomes:
        self._tip = None
        return self._shown() if self.is_waiting else (Dropped(),)

    @property
    def _points(self) -> tuple[Point, ...]:
        ends = self._start, self._tip
        return tuple(dict.fromkeys(end for end in ends if end is not None))

    def _shown(self) -> Outcomes:
        stroke = _stroke(self._points, self.settings)
        return (Shape("polyline", stroke.points, False, stroke.mode, stroke.size),)


class _Brush(Gesture):
    """A stroke of the brush or the eraser, which begins with a straight line if so wanted."""

    def __init__(self, settings: Settings, start: Point | None) -> None:
        super().__init__(settings)
        self._points: list[Point] = [] if start is None else [start]
        self._tolerance = 0.0

    def press(self, at: Point, view: Viewport) -> Outcomes:
        self._tolerance = _tolerance(view)
        self._points.append(place(at, view))
        return (Ink(_stroke(self._points[-2:], self.settings)),)

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        return () if place(at, view) == self._points[-1] else self.press(at, view)

    def release(self) -> Outcomes:
        return (Done(_stroke(self._points, self.settings).simplified(self._tolerance)),)


class _Trail(Gesture):
    """The way of the pointer: the outline of a lasso, or a plugged-in tool's points."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._simplified: list[Point] = []
        self._latest: list[Point] = []
        self._tolerance = 0.0

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        self._tolerance = _tolerance(view)
        point = place(at, view)
        if self._latest[-1:] == [point]:
            return ()
        self._latest.append(point)
        # As it grows, since all of it is shown each time.
        if len(self._latest) > _PIECE:
            *points, end = self._points
            self._simplified, self._latest = points, [end]
        shown = *self._simplified, *self._latest
        return (Shape("polyline", shown, self._is_lasso, self.settings.mode),)

    def release(self) -> Outcomes:
        points = self._points
        if not self._is_lasso:
            return (Used(self.settings.tool, points),)
        if len(points) < 3:
            return (Dropped(),)
        return (Done(Polygon(points, self.settings.mode)),)

    @property
    def _points(self) -> tuple[Point, ...]:
        latest = Stroke(tuple(self._latest)).simplified(self._tolerance).points
        return *self._simplified, *latest

    @property
    def _is_lasso(self) -> bool:
        return self.settings.tool == "lasso"


class _Box(Gesture):
    """A box from corner to corner: a rectangle, an ellipse, or a plugged-in tool's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._start: Point | None = None
        self._box = (0.0, 0.0, 0.0, 0.0)

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        x, y = place(at, view)
        self._start = self._start or (x, y)
        (left, right), (top, bottom) = sorted((self._start[0], x)), sorted((self._start[1], y))
        self._box = left, top, right, bottom
        kind: ShapeKind = "ellipse" if self.settings.tool == "ellipse" else "rectangle"
        return (Shape(kind, ((left, top), (right, bottom)), True, self.settings.mode),)

    def release(self) -> Outcomes:
        left, top, right, bottom = self._box
        if right - left < 1 or bottom - top < 1:
            return (Dropped(),)
        if self.settings.tool == "rectangle":
            return (Done(Rectangle(self._box, self.settings.mode)),)
        if self.settings.tool == "ellipse":
            return (Done(Ellipse(self._box, self.settings.mode)),)
        return (Used(self.settings.tool, ((left, top), (right, bottom))),)


class _Click(Gesture):
    """The pixel where the button is released: fill, wand, or a plugged-in tool."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._point: Point | None = None

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        column, row = map(math.floor, view.to_picture(*at))
        width, height = view.picture
        is_inside = 0 <= column < width and 0 <= row < height
        self._point = (column + 0.5, row + 0.5) if is_inside else None
        return ()

    def release(self) -> Outcomes:
        if self._point is None:
            return ()
        settings = self.settings
        if settings.tool == "fill":
            return (Done(Fill(self._point, settings.mode)),)
        if settings.tool == "wand":
            wand = Wand(self._point, settings.tolerance, settings.contiguous, settings.mode)
            return (Done(wand),)
        return (Used(settings.tool, (self._point,)),)

    def retract(self) -> Outcomes:
        return ()


class _Pan(Gesture):
    """The picture moves with the pointer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._begun: tuple[Point, Viewport] | None = None

    def drag(self, at: Point, view: Viewport) -> Outcomes:
        # From where it began: what was held up at the edge comes back when the pointer does.
        (x, y), begun = self._begun = self._begun or (at, view)
        moved = begun.moved(at[0] - x, at[1] - y)
        return (Seen(moved),) if moved != view else ()

    def release(self) -> Outcomes:
        return ()

    def retract(self) -> Outcomes:
        return ()


def _tolerance(view: Viewport) -> float:
    return max(_TOLERANCE / view.scale, _FINEST)


def _stroke(points: Sequence[Point], settings: Settings) -> Stroke:
    return Stroke(tuple(points), settings.size, settings.hardness, _brush_mode(settings))


def _brush_mode(settings: Settings) -> Literal["add", "subtract"]:
    if settings.tool == "line":
        return "subtract" if settings.mode == "subtract" else "add"
    return "subtract" if settings.tool == "eraser" else "add"
