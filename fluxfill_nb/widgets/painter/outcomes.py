"""What the tools are set to, and what comes of a gesture made with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...painting import Operation, Stroke
from ...painting.checks import Mode
from .viewport import Viewport

Point: TypeAlias = tuple[float, float]
GestureKind: TypeAlias = Literal["click", "clicks", "stroke", "box"]
ShapeKind: TypeAlias = Literal["polyline", "rectangle", "ellipse", "ring"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The chosen tool, and what it is set to.

    Parameters
    ----------
    tool
        "brush", "eraser", "line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand",
        "pan", or the name of a plugged-in tool.
    size
        Diameter of the brush, px.
    hardness
        Of the brush, 0 to 1.
    mode
        What lines, shapes, fill and wand do to the mask. A line replaces nothing: it adds.
    tolerance, contiguous
        Of the wand.
    gesture
        How a plugged-in tool gets its points: "click" (one), "clicks" (several, closed when all are
        there), "stroke" (where the pointer was dragged), "box" (top left and bottom right corner).

    Examples
    --------
    >>> Settings("eraser", size=40)
    Settings(tool='eraser', size=40, hardness=1.0, mode='add', tolerance=32, contiguous=True,
             gesture='click')
    """

    tool: str = "brush"
    size: float = 20.0
    hardness: float = 1.0
    mode: Mode = "add"
    tolerance: int = 32
    contiguous: bool = True
    gesture: GestureKind = "click"


@dataclass(frozen=True, slots=True)
class Ink:
    """Live ink: the piece since the last one, from where that one ended."""

    stroke: Stroke


@dataclass(frozen=True, slots=True)
class Shape:
    """A rubber band, or the brush under the pointer; takes the place of the one before.

    Parameters
    ----------
    kind
        What to draw. A "ring" is the brush itself.
    points
        (x, y), px of the picture. Two corners, top left and bottom right, for "rectangle" and
        "ellipse"; the middle for "ring".
    closed
        Whether the last point is joined to the first.
    mode
        What it would do to the mask.
    size
        Width of a "polyline" or diameter of a "ring", px of the picture; 0 for a hairline.
    """

    kind: ShapeKind
    points: tuple[Point, ...]
    closed: bool
    mode: Mode
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """The gesture is complete: the operation is to be applied; live ink and shape are history."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Used:
    """The gesture is complete: a plugged-in tool is to be called with these points."""

    tool: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Live ink and shape are to be forgotten."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The view is to become this one."""

    viewport: Viewport


Outcome: TypeAlias = Ink | Shape | Done | Used | Dropped | Seen
Outcomes: TypeAlias = tuple[Outcome, ...]
