"""The painter's tools: what each is called, its key, and how it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...errors import InvalidMask, InvalidOption
from ...mask import Mask
from .outcomes import GestureKind

ToolFunction: TypeAlias = Callable[
    [npt.NDArray[np.uint8], npt.NDArray[np.uint8], list[tuple[float, float]]], Any
]
"""(image, mask, points) -> mask, as `MaskPainter.add_tool` says."""

_HINTS = {
    "click": "Click the picture.",
    "clicks": "Click point after point; a double click or Enter ends, Backspace takes one back.",
    "stroke": "Drag over the picture.",
    "box": "Drag from corner to corner.",
}


@dataclass(frozen=True)
class Tool:
    """A tool of the painter, built in or plugged in.

    Attributes
    ----------
    name
        As in ``painter.tool``.
    label
        On its button.
    key
        Shortcut, one character; empty: none.
    tooltip
        What it does, one sentence.
    gesture
        How it is used: "click", "clicks", "stroke" (a drag), "box" (corner to corner).
    hint
        What to do with it, shown while it is chosen.
    icon
        SVG or name of an icon, for a plugged-in tool; empty: its label is shown.
    function
        What a plugged-in tool calls; None for those built in.
    """

    name: str
    label: str
    key: str
    tooltip: str
    gesture: GestureKind
    hint: str = ""
    icon: str = ""
    function: ToolFunction | None = None


BUILT_IN = (
    Tool("brush", "Brush", "b", "Paint what is to be filled", "stroke",
         "Drag to paint. Shift and click: a straight line from where you ended."),
    Tool("eraser", "Eraser", "e", "Take away from the mask", "stroke",
         "Drag to erase. Shift and click: a straight line from where you ended."),
    Tool("line", "Line", "l", "Straight line of the brush's size", "box",
         "Drag, or click start and end."),
    Tool("rectangle", "Rectangle", "r", "Rectangle", "box", _HINTS["box"]),
    Tool("ellipse", "Ellipse", "o", "Ellipse", "box", _HINTS["box"]),
    Tool("lasso", "Lasso", "a", "Free outline, closed by itself", "stroke",
         "Drag around what you mean."),
    Tool("polygon", "Polygon", "p", "Outline of straight lines, point by point", "clicks",
         "Click the corners; a double click, Enter or the first corner closes, Backspace takes "
         "one back."),
    Tool("fill", "Fill", "f", "Fill an outline that you have painted", "click",
         "Click inside an outline."),
    Tool("wand", "Wand", "w", "Select by the picture's colour", "click",
         "Click a colour; a higher tolerance takes more."),
    Tool("pan", "Move", "h", "Move the view", "stroke", "Drag to move; the wheel zooms."),
)  # fmt: skip


def plugged_in(
    name: str, function: ToolFunction, gesture: GestureKind, tooltip: str, icon: str | None
) -> Tool:
    """Return a tool that calls a function, or say what is wrong with it."""
    if not (isinstance(name, str) and name.strip()):
        raise InvalidOption(f"The tool's name is {name!r}: give it one that fits on a button.")
    if not callable(function):
        raise InvalidOption(
            f"The tool {name!r} is a {type(function).__name__}: give a function "
            "(image, mask, points) -> mask."
        )
    if gesture not in (kinds := get_args(GestureKind)):
        raise InvalidOption(
            f"The tool {name!r} has the gesture {gesture!r}: choose from {', '.join(kinds)}."
        )
    return Tool(
        name, name.strip().capitalize(), "", tooltip or f"Your tool: {name}", gesture,
        _HINTS[gesture], icon or "", function,
    )  # fmt: skip


def use(tool: Tool, image: Image.Image, mask: Mask, points: list[tuple[float, float]]) -> Mask:
    """Call a plugged-in tool, and check what it gives.

    Raises
    ------
    fluxfill_nb.errors.InvalidMask
        The function failed, or gave no mask of the picture's size; the message names the tool.
    """
    assert tool.function is not None
    size, shape = mask.size, mask.array.shape
    try:
        # Arrays of its own: it may paint on them.
        result = tool.function(np.array(image), np.array(mask), points)
    except Exception as error:
        raise InvalidMask(
            f"The tool {tool.name!r} failed: {type(error).__name__}: {error}"
        ) from error
    if isinstance(result, Mask):
        made = result
    else:
        array = np.asarray(result)
        if array.dtype == object or array.ndim != 2:
            raise InvalidMask(
                f"The tool {tool.name!r} gave a {type(result).__name__} of shape {array.shape}: "
                f"it must give a mask, an array of shape {shape} (bool, uint8, or float in "
                "[0, 1])."
            )
        try:
            made = Mask(array)
        except InvalidMask as error:
            raise InvalidMask(f"The tool {tool.name!r} gave no mask: {error}") from error
    if made.size != size:
        raise InvalidMask(
            f"The tool {tool.name!r} gave a mask of {made.size[0]} x {made.size[1]} px for a "
            f"picture of {size[0]} x {size[1]} px: it must give an array of shape {shape}."
        )
    return made
