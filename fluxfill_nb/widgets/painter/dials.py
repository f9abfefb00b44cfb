"""The painter's dials: what can be set on it, and what it tells."""

from __future__ import annotations

from typing import Any, get_args

from PIL import ImageColor
from traitlets import Bool, Enum, Float, Int, Tuple, Unicode, validate

from ...errors import InvalidOption
from ...painting.checks import Mode
from ..faults import Steady
from .tools import BUILT_IN

SHOWS = ("overlay", "outline", "mask", "picture")
"""Ways of showing the mask, in the order in which the key "v" goes through them."""
MODES: tuple[Mode, ...] = get_args(Mode)
"""What a shape does to the mask."""

SIZES = (1.0, 1000.0)
"""Smallest and largest diameter of the brush, px of the picture."""


class Dials(Steady):
    """What a painter is set to, as traits: observe them, or link them with other widgets.

    Attributes
    ----------
    tool
        Name of the chosen one of ``tools``.
    brush_size
        Diameter of the brush, px of the picture, 1 to 1000.
    hardness
        Of the brush, 0 to 1: 1 has a sharp edge.
    mode
        What shapes do to the mask: "add", "subtract" or "replace".
    tolerance, contiguous
        Of the wand: how far a colour may differ, 0 to 255; only what is joined to the point.
    overlay_color, overlay_opacity
        How the mask is shown over the picture.
    show
        "overlay", "outline", "mask" (black and white), or "picture" (no mask).
    peek
        Show ``after`` if there is one, else the bare picture.
    scrolling
        Let the page scroll over the canvas; painting rests.
    zoom
        Canvas px per px of the picture.
    mask_version
        Grows with each change of the mask: observe it.
    can_undo, can_redo, is_open, error, hint
        For a toolbar: what is possible, whether an outline waits to be closed, what went wrong,
        what to do with the tool.
    """

    tool = Unicode("brush")
    brush_size = Float(20.0, min=SIZES[0], max=SIZES[1])
    hardness = Float(1.0, min=0.0, max=1.0)
    mode = Enum(MODES, "add")
    tolerance = Int(32, min=0, max=255)
    contiguous = Bool(True)
    overlay_color = Unicode("#ff3b5c")
    overlay_opacity = Float(0.5, min=0.0, max=1.0)
    show = Enum(SHOWS, "overlay")
    peek = Bool(False)
    scrolling = Bool(False)
    zoom = Float(1.0)
    mask_version = Int(0)
    can_undo = Bool(False)
    can_redo = Bool(False)
    is_open = Bool(False)
    hint = Unicode("")
    tools = Tuple(BUILT_IN)

    @validate("tool")
    def _known(self, proposal: Any) -> str:
        names = [tool.name for tool in self.tools]
        if proposal["value"] not in names:
            raise InvalidOption(f"There is no tool {proposal['value']!r}: {', '.join(names)}.")
        return str(proposal["value"])

    @validate("overlay_color")
    def _coloured(self, proposal: Any) -> str:
        try:
            red, green, blue, *_ = ImageColor.getrgb(proposal["value"])
        except ValueError:
            raise InvalidOption(
                f"{proposal['value']!r} is no colour: give one such as '#ff3b5c' or 'red'."
            ) from None
        return f"#{red:02x}{green:02x}{blue:02x}"
