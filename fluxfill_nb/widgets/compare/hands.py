"""The comparer's hands: what comes from a page, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..hands import MODIFIERS, CanvasHands
from ..painter.gestures import Gestures
from ..painter.outcomes import Outcomes, Point, Seen, Settings
from .sight import MODES

if TYPE_CHECKING:
    from .compare import Compare
    from .view import View

# How near to the divider a press is meant for it, CSS px.
_GRIP = 16.0
# How far a key moves the divider, as a share of what is seen, and the picture, canvas px.
_STEP, _FAR = 0.02, 0.1
_PAN = 40.0
_ARROWS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}
_AS_MOUSE = {
    "touch_start": "mouse_down", "touch_move": "mouse_move", "touch_end": "mouse_up",
    "touch_cancel": "mouse_out",
}  # fmt: skip


class Hands(CanvasHands):
    """Hears a page's events, and does with the comparer what they mean.

    A drag moves the divider if it begins there, or if there is nothing to move the pictures for:
    else it moves the pictures. The wheel and two fingers zoom.

    Parameters
    ----------
    compare
        What is done is done by its public methods and traits.
    view
        Where the pointer gets its shape.
    fine
        Canvas px per CSS px.
    """

    def __init__(self, compare: Compare, view: View, fine: float) -> None:
        super().__init__(compare, view)
        self._compare = compare
        self._view = view
        self._grip = _GRIP * fine
        self._gestures = Gestures(lambda: compare.sight.viewport, lambda: Settings("pan"))
        self._pane = 0
        # Where the divider is held, beside it, and whether it has been moved since.
        self._held: float | None = None
        self._has_moved = self._is_down = False
        # Where the pointer was told to be last: a finger that is lifted is told to be nowhere.
        self._last: Point = (0.0, 0.0)

    # ------------------------------------------------------------------------------ the pointer

    def _move(self, event: str, told: tuple[Any, ...]) -> None:
        if event == "mouse_wheel":
            self._do(self._gestures.wheel(*told))
        elif event.startswith("touch"):
            self._touch(event, told[0])
        else:
            self._mouse(event, (told[0], told[1]))

    def _mouse(self, event: str, at: Point) -> None:
        if event == "mouse_down":
            self._held = self._offset(at[0])
            self._has_moved, self._is_down = False, True
        if event in ("mouse_up", "mouse_out"):
            self._is_down = False
        elif not self._is_down or event == "mouse_down":
            # A drag stays in its pane.
            self._pane = self._compare.sight.pane_of(at[0])
        self._last = at
        if self._held is None:
            if event == "mouse_move" and not self._is_down:
                self._point(at[0])
            self._do(getattr(self._gestures, event)(*self._in_pane(at)))
            return
        width, height = self._compare.sight.canvas
        is_inside = 0 <= at[0] < width and 0 <= at[1] < height
        # Out, but inside and without a move: the right button's menu has opened, nothing was meant.
        if event in ("mouse_move", "mouse_up") or not is_inside:
            self._has_moved = True
        if self._has_moved:
            self._drag_divider(at[0])
        if not self._is_down:
            self._held = None

    def _touch(self, event: str, points: Sequence[Point]) -> None:
        if self._held is not None and len(points) > 1:
            self._held = None
        if self._held is not None or (event == "touch_start" and len(points) == 1):
            at = tuple(points[0]) if points else self._last
            if event == "touch_start" and self._offset(at[0]) is None:
                self._pane = self._compare.sight.pane_of(at[0])
            else:
                self._mouse(_AS_MOUSE[event], (at[0], at[1]))
                return
        self._do(getattr(self._gestures, event)([self._in_pane(point) for point in points]))

    def _offset(self, x: float) -> float | None:
        """How far from a place the divider is, canvas px, if a press there is meant for it."""
        sight = self._compare.sight
        if sight.mode != "swipe":
            return None
        if abs(sight.line - x) <= self._grip:
            return sight.line - x
        return 0.0 if sight.is_whole else None

    def _drag_divider(self, x: float) -> None:
        self._compare.divider = self._compare.sight.with_line(x + (self._held or 0)).divider

    def _point(self, x: float) -> None:
        self._view.point("grab" if self._offset(x) is None else "ew-resize")

    def _in_pane(self, at: Sequence[float]) -> Point:
        return at[0] - self._compare.sight.panes[self._pane][0], at[1]

    def _do(self, outcomes: Outcomes) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Seen):
                self._compare.see(outcome.viewport)

    # ------------------------------------------------------------------------------ keys

    def _press_key(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        if key in MODIFIERS:
            return
        if ctrl or meta or not self._shortcut(key, shift):
            self._release_keys()

    def _shortcut(self, key: str, shift: bool) -> bool:
        """Do what a key stands for; return whether it stands for anything."""
        compare = self._compare
        if key in _ARROWS:
            self._press_arrow(*_ARROWS[key], shift=shift)
            return True
        modes = dict(zip("1234", MODES, strict=True))
        if key in modes:
            compare.mode = modes[key]
            return True
        verb = {
            " ": self._press_space,
            "m": self._press_m,
            "0": compare.fit,
            "+": compare.zoom_in,
            "=": compare.zoom_in,
            "-": compare.zoom_out,
        }.get(key.lower())
        if verb is None:
            return False
        verb()
        return True

    def _press_space(self) -> None:
        if self._compare.mode == "flicker":
            self._compare.playing = not self._compare.playing
        else:
            self._compare.swap()

    def _press_m(self) -> None:
        self._compare.outlined = not self._compare.outlined

    def _press_arrow(self, dx: int, dy: int, *, shift: bool) -> None:
        compare = self._compare
        if dx and compare.mode == "swipe":
            step = dx * (_FAR if shift else _STEP)
            compare.divider = min(max(compare.divider + step, 0.0), 1.0)
        elif dx and compare.mode == "flicker":
            compare.playing = False
            compare.front = max(dx, 0)
        else:
            compare.see(compare.sight.viewport.moved(-dx * _PAN, -dy * _PAN))
