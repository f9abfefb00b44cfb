"""The options of the chosen tool: what it can be set to, above the canvas."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from ipywidgets import BoundedFloatText, BoundedIntText, Box, IntSlider

from ..controls import Item, marked, percent, reveal, share
from .dials import SIZES

if TYPE_CHECKING:
    from .toolbar import PainterControls

_BRUSHES = frozenset({"brush", "eraser", "line"})
_MODES = frozenset({"line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand"})
# How many times as large the brush becomes with a press, by a px at least.
_STEP = 1.15
# Stops of the slider from one size to ten times that size.
_STOPS = 100


def options(controls: PainterControls) -> Box:
    """Return the chosen tool's name and options; what the tool does not know is not shown."""
    painter = controls.owner
    name = controls.text("name")
    size, hardness, tolerance = _size(controls), _hardness(controls), _tolerance(controls)
    modes = controls.choice(
        "mode",
        [
            Item("add", "Add", "Add to the mask", "add"),
            Item("subtract", "Subtract", "Take away from the mask", "subtract"),
            Item("replace", "Replace", "Replace the mask", "replace"),
        ],
    ).widget
    contiguous = controls.switch(
        "contiguous", "", "Contiguous", "Only what is connected to where you click"
    )
    swap = controls.action("swap", "Swap", "", painter.swap)
    field = controls.group(modes, swap, name="field")
    close = controls.action("close", "Close shape", "Close the shape (Enter)", painter.close_shape)
    cancel = controls.action("cancel", "Cancel", "Forget the shape (Esc)", painter.cancel)
    closing = controls.group(marked(close, "text", "primary"), marked(cancel, "text"), name="field")

    def show(tool: str) -> None:
        name.value = html.escape(next((t.label for t in painter.tools if t.name == tool), tool))
        reveal(size, tool in _BRUSHES)
        reveal(hardness, tool in _BRUSHES)
        reveal(modes, tool in _MODES)
        # A line has nothing to replace the mask by.
        reveal(modes.children[-1], tool != "line")
        reveal(tolerance, tool == "wand")
        reveal(contiguous, tool == "wand")
        reveal(field, tool in _BRUSHES | _MODES)
        both = "brush and eraser" if tool in ("brush", "eraser") else "add and subtract"
        swap.tooltip = f"Swap {both} (X)"

    controls.follow("tool", show)
    controls.follow("is_open", lambda is_open: reveal(closing, is_open))
    marked(contiguous, "text")
    return controls.group(
        name, size, hardness, field, contiguous, tolerance, closing, name="options"
    )


def _size(controls: PainterControls) -> Box:
    low, high = SIZES
    # Not FloatLogSlider: that sends back what it is told, rounded to its own steps.
    slider = controls.field(
        IntSlider, "Size", min=0, max=round(math.log10(high) * _STOPS), readout=False
    )
    number = controls.field(BoundedFloatText, "Size, px", min=low, max=high, step=1)
    painter = controls.owner

    def enlarge() -> None:
        size = painter.brush_size
        painter.brush_size = min(high, round(max(size + 1, size * _STEP)))

    def reduce() -> None:
        size = painter.brush_size
        painter.brush_size = max(low, round(min(size - 1, size / _STEP)))

    return controls.group(
        controls.action("smaller", "Smaller", "Smaller brush ([)", reduce),
        marked(controls.bind("brush_size", slider, _to_stop, _from_stop), "slider", "between"),
        controls.action("larger", "Larger", "Larger brush (])", enlarge),
        marked(controls.bind("brush_size", number, _rounded), "number", "px"),
        name="field",
    )


def _hardness(controls: PainterControls) -> Box:
    slider = controls.field(IntSlider, "Hardness", min=0, max=100, readout=False)
    number = controls.field(BoundedIntText, "Hardness, %", min=0, max=100, step=10)
    return controls.group(
        marked(controls.bind("hardness", slider, percent, share), "slider", "short"),
        marked(controls.bind("hardness", number, percent, share), "number", "percent"),
        name="field",
    )


def _tolerance(controls: PainterControls) -> Box:
    slider = controls.field(IntSlider, "Tolerance", min=0, max=255, readout=False)
    number = controls.field(BoundedIntText, "Tolerance, 0 to 255", min=0, max=255)
    return controls.group(
        marked(controls.bind("tolerance", slider), "slider", "short"),
        marked(controls.bind("tolerance", number), "number"),
        name="field",
    )


def _to_stop(size: float) -> int:
    """Where on the slider a size is: sizes grow by the same factor from stop to stop."""
    return round(math.log10(size) * _STOPS)


def _from_stop(stop: int) -> float:
    return _rounded(10 ** (stop / _STOPS))


def _rounded(size: float) -> float:
    """The size as it is shown, px: the smaller, the finer."""
    return round(size, 1) if size < 10 else float(round(size))
