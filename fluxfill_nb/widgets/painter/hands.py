"""The painter's hands: what comes from a page, and what is done about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..hands import MODIFIERS, CanvasHands
from .dials import SIZES
from .gestures import Gestures
from .outcomes import Done, Dropped, Ink, Outcomes, Seen, Settings, Shape, Used

if TYPE_CHECKING:
    from .painter import MaskPainter
    from .scene import Scene
    from .view import View

# Keys for an outline that waits to be closed.
_OF_OUTLINES = {"Enter", "Backspace", "Delete"}
# How many times as large the brush becomes with a key, and by how many px at least.
_SIZE_STEP, _LEAST_STEP = 1.15, 1.0
_EVENTS = {"mouse_wheel": "wheel"}


class Hands(CanvasHands):
    """Hears a page's events, and does with the painter what they mean.

    Parameters
    ----------
    painter
        What is done is done by its public methods.
    scene, view
        Where gestures under way are seen.
    """

    def __init__(self, painter: MaskPainter, scene: Scene, view: View) -> None:
        super().__init__(painter, view)
        self._painter = painter
        self._scene = scene
        self._view = view
        self._gestures = Gestures(lambda: scene.viewport, self._settings)

    def close(self) -> None:
        """Close the outline that is being made point by point."""
        self._do(self._gestures.close())

    def cancel(self) -> None:
        """Drop the gesture under way."""
        self._do(self._gestures.cancel())
        self._view.forget()

    def _move(self, event: str, told: tuple[Any, ...]) -> None:
        self._do(getattr(self._gestures, _EVENTS.get(event, event))(*told))

    def _settings(self) -> Settings:
        painter = self._painter
        tool = painter.chosen
        return Settings(
            tool.name, painter.brush_size, painter.hardness, painter.mode, painter.tolerance,
            painter.contiguous, tool.gesture,
        )  # fmt: skip

    def _do(self, outcomes: Outcomes) -> None:
        for outcome in outcomes:
            match outcome:
                case Ink(stroke):
                    self._view.ink(stroke)
                case Shape():
                    self._view.show(outcome)
                case Seen(viewport):
                    self._painter.see(viewport)
                case Dropped():
                    self._view.forget()
                case Done(operation):
                    self._view.forget()
                    self._painter.apply(operation)
                case Used(tool, points):
                    self._view.forget()
                    self._painter.use_tool(tool, list(points))
        self._painter.is_open = self._gestures.is_open
        self._scene.handles = self._gestures.is_open

    # ------------------------------------------------------------------------------ keys

    def _press_key(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        was_open = self._gestures.is_open
        if was_open and key.lower() == "z" and (ctrl or meta) and not shift:
            key, ctrl, meta = "Backspace", False, False  # undo what is under way
        outcomes = self._gestures.key(key, shift, ctrl, meta)
        self._do(outcomes)
        if key in MODIFIERS or (outcomes and key != "Escape"):
            return
        if was_open and key in _OF_OUTLINES:
            return
        if not self._shortcut(key.lower(), shift, ctrl or meta):
            self._release_keys()

    def _shortcut(self, key: str, shift: bool, command: bool) -> bool:
        """Do what a key stands for; return whether it stands for anything."""
        painter = self._painter
        if command:
            verb = {"z": painter.redo if shift else painter.undo, "y": painter.redo}.get(key)
        else:
            verb = {
                "[": lambda: self._resize(1 / _SIZE_STEP),
                "]": lambda: self._resize(_SIZE_STEP),
                "x": painter.swap,
                "i": painter.invert,
                "v": painter.show_next,
                "0": painter.fit,
                "1": painter.actual_size,
                "+": painter.zoom_in,
                "=": painter.zoom_in,
                "-": painter.zoom_out,
            }.get(key)
            names = [tool.name for tool in painter.tools if key and tool.key == key]
            if names:
                painter.tool = names[0]
                return True
        if verb is None:
            return False
        verb()
        return True

    def _resize(self, factor: float) -> None:
        """The brush a step larger or smaller, in whole px."""
        painter = self._painter
        size = painter.brush_size * factor
        step = max(_LEAST_STEP, abs(size - painter.brush_size))
        size = round(painter.brush_size + math.copysign(step, factor - 1))
        painter.brush_size = min(max(size, SIZES[0]), SIZES[1])
