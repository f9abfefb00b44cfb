"""A gesture: one use of a tool, from the first press to what comes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .outcomes import Dropped, Outcomes, Point, Settings
from .viewport import Viewport

SAME_PLACE = 6.0
"""Clicks this near to each other, canvas px, are meant for the same place."""


class Gesture(ABC):
    """A gesture under way. It is pressed, dragged, and then released or else retracted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def is_waiting(self) -> bool:
        """Whether it goes on with another press."""
        return False

    def press(self, at: Point, view: Viewport) -> Outcomes:
        """Go on at `at`, canvas px, where the button went down."""
        return self.drag(at, view)

    @abstractmethod
    def drag(self, at: Point, view: Viewport) -> Outcomes:
        """Go on to `at`, canvas px, with the button down."""

    @abstractmethod
    def release(self) -> Outcomes:
        """Make something of the press."""

    def retract(self) -> Outcomes:
        """Make nothing of the press: it was not meant for the tool."""
        return (Dropped(),)


class Waiting(Gesture):
    """A gesture of several presses. Between them it shows what the next one would do."""

    @abstractmethod
    def hover(self, at: Point, view: Viewport) -> Outcomes:
        """Show what a press at `at`, canvas px, would do."""

    @abstractmethod
    def leave(self) -> Outcomes:
        """Show what there is: the pointer has gone elsewhere."""


def place(at: Point, view: Viewport) -> Point:
    """Return where in the picture a point of the canvas is, px, to 0.1 px.

    Operations keep no more: what is shown on the way is what will be painted.
    """
    x, y = view.to_picture(*at)
    return round(x, 1), round(y, 1)
