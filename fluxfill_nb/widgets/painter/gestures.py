"""Gestures: what the events of pointer and keys come to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from ...painting import Stroke
from .clicks import Clicks, DoubleClick
from .gesture import Gesture, Waiting
from .kinds import begun, hint
from .outcomes import Done, Dropped, Ink, Outcome, Outcomes, Point, Seen, Settings, Shape
from .viewport import Viewport

# Of the wheel, to see everything twice as large or half as large; a notch is 100 to 120.
_WHEEL = 240.0
# Seconds for which Shift counts as held: its release is not told, but held keys repeat.
_SHIFT = 0.6


class Gestures:
    """Events in, outcomes out: it knows what is under way, and neither canvas nor mask.

    A browser tells little: no button, no modifiers, no release outside the canvas. What follows
    from that is decided here, once.

    Parameters
    ----------
    viewport
        Gives how the picture is seen at the moment.
    settings
        Gives the chosen tool, and what it is set to at the moment.
    clock
        Gives seconds.

    Examples
    --------
    >>> view = Viewport.fit((640, 480), (640, 480), margin=0)
    >>> gestures = Gestures(lambda: view, lambda: Settings("rectangle"))
    >>> gestures.mouse_down(100, 50)
    (Shape(kind='rectangle', points=((100.0, 50.0), (100.0, 50.0)), closed=True, mode='add',
           size=0.0),)
    >>> [type(outcome).__name__ for outcome in gestures.mouse_up(300, 250)]
    ['Shape', 'Done']
    """

    def __init__(
        self,
        viewport: Callable[[], Viewport],
        settings: Callable[[], Settings],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._viewport = viewport
        self._settings = settings
        self._clock = clock
        self._double_click = DoubleClick(clock)
        self._gesture: Gesture | None = None
        self._is_pressed = False
        self._has_moved = False
        self._shows = False
        # Where the pointer was last seen, canvas px.
        self._at: Point | None = None
        # Where the fingers of a pinch began, and what was seen then.
        self._pinch: tuple[Sequence[Point], Viewport] | None = None
        # Where the last stroke ended, px, and until when Shift counts as held.
        self._end: Point | None = None
        self._shift_until = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether points have been clicked that wait to be closed."""
        return isinstance(self._gesture, Clicks) and self._gesture.is_waiting

    # --------------------------------------------------------------------------------------- mouse

    def mouse_down(self, x: float, y: float) -> Outcomes:
        """Press at (x, y), canvas px. What has never been released is released before."""
        return self._told(*self._released(), *self._pressed((x, y)))

    def mouse_move(self, x: float, y: float) -> Outcomes:
        """Go on to (x, y), canvas px; with the button up, show what a press would do there."""
        if self._is_pressed:
            return self._told(*self._dragged((x, y)), *self._hinted())
        self._at = x, y
        return self._hovered()

    def mouse_up(self, x: float, y: float) -> Outcomes:
        """Release at (x, y), canvas px."""
        if not self._is_pressed:
            return ()
        told = self._told(*self._dragged((x, y)), *self._released())
        return told + self._told(*self._hinted())

    def mouse_out(self, x: float, y: float) -> Outcomes:
        """Release at (x, y), canvas px: the browser does not tell of a release outside.

        Inside, and without a move, it is the right button's menu that has opened: nothing was
        meant.
        """
        width, height = self._viewport().canvas
        is_menu = 0 <= x < width and 0 <= y < height and not self._has_moved
        if not self._is_pressed:
            outcomes = self._refreshed() or self._left()
        elif is_menu:
            outcomes = self._retracted()
        else:
            outcomes = *self._dragged((x, y)), *self._released()
        self._at = None
        return self._told(*outcomes)

    def wheel(self, dx: float, dy: float) -> Outcomes:
        """Zoom about the pointer; sideways (Shift and the wheel), move sideways."""
        if self._is_pressed:
            return ()
        view = self._viewport()
        if abs(dx) > abs(dy):
            return self._seen(view.moved(-dx, 0))
        at = self._at or (view.canvas[0] / 2, view.canvas[1] / 2)
        return self._seen(view.zoomed(2 ** (-max(-1.0, min(dy / _WHEEL, 1.0))), at))

    # --------------------------------------------------------------------------------------- touch

    def touch_start(self, points: Sequence[Point]) -> Outcomes:
        """Press with one finger; with more, take that back and hold the picture."""
        self._hold(points)
        if len(points) == 1:
            return self._told(*self._released(), *self._pressed(points[0]))
        return self._told(*self._retracted())

    def touch_move(self, points: Sequence[Point]) -> Outcomes:
        """Go on with one finger; with more, move the picture and zoom."""
        if len(points) < 2:
            return self._told(*self._dragged(points[0])) if points else ()
        if self._pinch is None:
            self._hold(points)
        return self._told(*self._retracted(), *self._pinched(points))

    def touch_end(self, points: Sequence[Point]) -> Outcomes:
        """Release with the last finger. One finger that stays of two does nothing more."""
        self._hold(points)
        if points:
            return ()
        self._at = None
        return self._told(*self._released())

    def touch_cancel(self, points: Sequence[Point]) -> Outcomes:
        """Take the press back: the system has taken the touch for itself."""
        self._hold(points)
        return self._told(*self._retracted())

    # ---------------------------------------------------------------------------------------- keys

    def key(self, key: str, shift: bool, ctrl: bool, meta: bool) -> Outcomes:
        """Close with Enter, take back a point with Backspace or Delete, cancel with Escape.

        Shift makes the next stroke begin with a straight line from the last one's end. Other keys
        do nothing here, but tell whether Shift is still held.
        """
        is_plain = not (ctrl or meta)
        self._shift_until = self._clock() + _SHIFT if shift and is_plain else -math.inf
        if key == "Shift" and not self._is_pressed and self._at is not None:
            return self._hovered()
        if key == "Enter":
            return self.close()
        if key in ("Backspace", "Delete"):
            return self._of_clicks(Clicks.take_back)
        if key == "Escape":
            return self.cancel()
        return ()

    def close(self) -> Outcomes:
        """Close what was clicked point by point, if the points are enough."""
        return self._of_clicks(Clicks.close)

    def cancel(self) -> Outcomes:
        """Forget what is under way."""
        if self._gesture is None:
            return ()
        self._gesture = None
        self._is_pressed = False
        return self._told(Dropped())

    # ----------------------------------------------------------------------------- what they share

    def _pressed(self, at: Point) -> Outcomes:
        dropped = self._refreshed()
        gesture = self._gesture or begun(self._settings(), self._start, self._double_click)
        outcomes = gesture.press(at, self._viewport())
        self._gesture, self._is_pressed, self._has_moved, self._at = gesture, True, False, at
        self._shift_until = -math.inf
        return dropped + outcomes

    def _dragged(self, at: Point) -> Outcomes:
        # Browsers also tell of moves to where the pointer is.
        if self._gesture is None or not self._is_pressed or at == self._at:
            return ()
        self._has_moved, self._at = True, at
        return self._gesture.drag(at, self._viewport())

    def _released(self) -> Outcomes:
        return self._ended(is_meant=True)

    def _retracted(self) -> Outcomes:
        return self._ended(is_meant=False)

    def _ended(self, *, is_meant: bool) -> Outcomes:
        gesture = self._gesture
        if gesture is None or not self._is_pressed:
            return ()
        # Forgotten first: an error in what follows leaves nothing half done.
        self._gesture, self._is_pressed = None, False
        outcomes = gesture.release() if is_meant else gesture.retract()
        self._gesture = gesture if gesture.is_waiting else None
        return outcomes

    def _hovered(self) -> Outcomes:
        told = self._told(*self._refreshed())
        if isinstance(self._gesture, Waiting) and self._at is not None:
            return told + self._told(*self._gesture.hover(self._at, self._viewport()))
        return told + self._told(*self._hinted())

    def _left(self) -> Outcomes:
        if isinstance(self._gesture, Waiting):
            return self._gesture.leave()
        return (Dropped(),) if self._shows else ()

    def _hinted(self) -> Outcomes:
        """The brush under the pointer, unless a gesture shows something else."""
        settings = self._gesture.settings if self._gesture else self._settings()
        if self._at is None or isinstance(self._gesture, Waiting):
            return ()
        shape = hint(settings, self._start, self._at, self._viewport())
        if shape is not None:
            return (shape,)
        return (Dropped(),) if self._shows and self._gesture is None else ()

    @property
    def _start(self) -> Point | None:
        is_straight = not self._is_pressed and self._clock() < self._shift_until
        return self._end if is_straight else None

    def _refreshed(self) -> Outcomes:
        """Give what waits the settings as they are now; drop it if they are another tool's."""
        if self._gesture is None:
            return ()
        settings = self._settings()
        if settings.tool == self._gesture.settings.tool:
            self._gesture.settings = settings
            return ()
        self._gesture = None
        return (Dropped(),)

    def _of_clicks(self, act: Callable[[Clicks], Outcomes]) -> Outcomes:
        dropped = () if self._is_pressed else self._refreshed()
        if not isinstance(self._gesture, Clicks):
            return self._told(*dropped)
        outcomes = act(self._gesture)
        if not self._gesture.is_waiting:
            self._gesture, self._is_pressed = None, False
        return self._told(*outcomes)

    def _hold(self, points: Sequence[Point]) -> None:
        self._pinch = (tuple(points[:2]), self._viewport()) if len(points) > 1 else None

    def _pinched(self, points: Sequence[Point]) -> Outcomes:
        if self._pinch is None:
            return ()
        (a, b), view = self._pinch
        c, d = points[:2]
        middle = (c[0] + d[0]) / 2, (c[1] + d[1]) / 2
        held = view.moved(middle[0] - (a[0] + b[0]) / 2, middle[1] - (a[1] + b[1]) / 2)
        factor = max(math.dist(c, d), 1.0) / max(math.dist(a, b), 1.0)
        return self._seen(held.zoomed(factor, middle))

    def _seen(self, view: Viewport) -> Outcomes:
        return (Seen(view),) if view != self._viewport() else ()

    def _told(self, *outcomes: Outcome) -> Outcomes:
        """The outcomes, after a note of what they leave behind."""
        for outcome in outcomes:
            if isinstance(outcome, Done) and isinstance(outcome.operation, Stroke):
                self._end = outcome.operation.points[-1]
            if not isinstance(outcome, (Ink, Seen)):
                self._shows = isinstance(outcome, Shape)
        return outcomes
