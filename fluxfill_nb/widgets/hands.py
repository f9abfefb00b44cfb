"""Hands at a canvas: what comes from a page, and what is done about it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from .canvas import CanvasView
from .faults import Steady

MODIFIERS = frozenset({"Shift", "Control", "Meta", "Alt", "AltGraph", "CapsLock"})
"""Keys that belong to the one pressed with them."""


class CanvasHands(ABC):
    """Hears a page's events, and has done what they mean.

    The canvas has the keyboard from a press on it or a key in it until the pointer leaves, or a key
    comes that means nothing there.

    Parameters
    ----------
    owner
        What went wrong on it is forgotten when somebody presses on the canvas.
    view
        The canvas.
    """

    def __init__(self, owner: Steady, view: CanvasView) -> None:
        self._owner = owner
        self._canvas = view
        self._has_keys = False

    def hear(self, event: str, *told: Any) -> None:
        """Do what an event means; ``told`` is what ipycanvas tells of it."""
        if event == "client_ready":
            self._canvas.replay()
        elif event == "key_down":
            self._has_keys = True
            self._press_key(*told)
        elif _is_somewhere(told):
            if event == "mouse_down":
                self._has_keys = True
                self._owner.error = ""
            self._move(event, told)
            if event == "mouse_out":
                self._release_keys()

    @abstractmethod
    def _move(self, event: str, told: tuple[Any, ...]) -> None:
        """Do what a pointer, a wheel or fingers mean."""

    @abstractmethod
    def _press_key(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        """Do what a key means, or release the keys."""

    def _release_keys(self) -> None:
        """Give the keyboard back to the page."""
        if self._has_keys:
            self._has_keys = False
            self._canvas.release_keys()


def _is_somewhere(told: Any) -> bool:
    """Whether all that is told is finite: the coordinates of a canvas without a size are not."""
    if isinstance(told, (list, tuple)):
        return all(_is_somewhere(part) for part in told)
    return isinstance(told, (int, float)) and math.isfinite(told)
