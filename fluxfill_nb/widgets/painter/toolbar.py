"""What lies around the painter's canvas: tools, their options, actions, the view, the status."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ipywidgets import BoundedIntText, Box, ColorPicker, IntSlider, Layout, VBox, Widget

from .. import icons
from ..controls import Controls, Item, marked, percent, share
from ..sheets import sheets
from ..throttle import Throttle
from .files import files
from .options import options
from .tools import Tool

if TYPE_CHECKING:
    from .painter import MaskPainter

    PainterControls: TypeAlias = Controls[MaskPainter]

# How often coverage and bounding box are counted, at most, seconds.
_COUNTED_EVERY = 0.25
# The tool column and the frame, beside the canvas, CSS px.
_BESIDE = 43
# By how much the mask grows, shrinks, or is feathered, until somebody says otherwise, px.
_AMOUNT = 8


def frame(painter: MaskPainter, stage: Widget) -> list[Widget]:
    """Return a painter's children: its stage, which holds the canvas, and all that lies around it.

    Parameters
    ----------
    painter
        What is pressed is done by its methods; what is shown follows its traits.
    stage
        Its ``layout.width``, px, is what the bars are made to fit.
    """
    controls = Controls(painter)
    width = f"calc({stage.layout.width} + {_BESIDE}px)"
    around = VBox(
        [
            controls.group(options(controls), _history(controls), name="bar top"),
            controls.group(_rail(controls), controls.group(stage, name="stage"), name="body"),
            controls.group(_actions(controls), files(controls), name="bar mask"),
            controls.group(_view(controls), _shown(controls), name="bar view"),
            controls.error_line(),
            _status(controls),
        ],
        layout=Layout(width=width, max_width="100%"),
    )
    return [*sheets("painter"), marked(around, "ui", "painter")]


def _rail(controls: PainterControls) -> Box:
    """The tools, one below the other."""
    # Rules for the icons of plugged-in tools.
    sheet = controls.text("sheet")
    choice = controls.choice("tool", (), "tools")

    def offer(tools: tuple[Tool, ...]) -> None:
        drawn = [_drawn(tool, place) for place, tool in enumerate(tools)]
        sheet.value = "".join(f"<style>{rule}</style>" for _, rule in drawn if rule)
        choice.offer(
            Item(tool.name, tool.label, _titled(tool), icon)
            for tool, (icon, _) in zip(tools, drawn, strict=True)
        )

    controls.follow("tools", offer)
    return controls.group(sheet, choice.widget, name="rail")


def _history(controls: PainterControls) -> Box:
    painter = controls.owner
    undo = controls.action("undo", "Undo", "Undo (Ctrl+Z)", painter.undo)
    redo = controls.action("redo", "Redo", "Redo (Ctrl+Shift+Z)", painter.redo)
    controls.follow("can_undo", lambda can: setattr(undo, "disabled", not can))
    controls.follow("can_redo", lambda can: setattr(redo, "disabled", not can))
    return controls.group(undo, redo, name="history")


def _actions(controls: PainterControls) -> Box:
    painter = controls.owner
    amount = controls.field(
        BoundedIntText, "Amount, px", "By how many px to grow, shrink or feather",
        value=_AMOUNT, min=1, max=1000,
    )  # fmt: skip

    def action(icon: str, label: str, tooltip: str, do: Callable[[], object]) -> Widget:
        return marked(controls.action(icon, label, tooltip, do), "text")

    return controls.group(
        action("clear", "Clear", "Clear the mask", painter.clear),
        action("invert", "Invert", "Invert the mask (I)", painter.invert),
        action("holes", "Fill holes", "Fill the mask's holes", painter.fill_holes),
        _line(controls),
        action("grow", "Grow", "Grow the mask", lambda: painter.grow(amount.value)),
        action("shrink", "Shrink", "Shrink the mask", lambda: painter.shrink(amount.value)),
        action("feather", "Feather", "Soften the mask's edge",
               lambda: painter.feather(amount.value)),
        marked(amount, "number", "px"),
        name="actions",
    )  # fmt: skip


def _view(controls: PainterControls) -> Box:
    painter = controls.owner
    zoom = controls.text("zoom")
    controls.follow("zoom", lambda scale: setattr(zoom, "value", f"{scale:.0%}"[:-1] + " %"))
    return controls.group(
        controls.action("zoom-out", "Zoom out", "Zoom out (−)", painter.zoom_out),
        zoom,
        controls.action("zoom-in", "Zoom in", "Zoom in (+)", painter.zoom_in),
        controls.action("fit", "Fit", "The whole picture (0)", painter.fit),
        controls.action("actual", "Actual size", "Pixel by pixel, 1:1 (1)", painter.actual_size),
        name="group",
    )


def _shown(controls: PainterControls) -> Box:
    colour = controls.field(ColorPicker, "Colour", "Colour of the mask", concise=True)
    opacity = controls.field(IntSlider, "Opacity", min=0, max=100, readout=False)
    return controls.group(
        controls.choice(
            "show",
            [
                Item("overlay", "Overlay", "Mask over the picture (V: next)", "overlay"),
                Item("outline", "Outline", "The mask's outline (V: next)", "outline"),
                Item("mask", "Mask", "The mask alone (V: next)", "mask"),
                Item("picture", "Picture", "The picture alone (V: next)", "picture"),
            ],
        ).widget,
        marked(controls.bind("overlay_color", colour), "colour"),
        marked(controls.bind("overlay_opacity", opacity, percent, share), "slider", "short"),
        _line(controls),
        controls.switch(
            "peek", "peek", "Compare", "Before and after: the filled picture, or the bare one"
        ),
        controls.switch(
            "scrolling", "scroll", "Scroll", "Scroll the page over the picture; painting is off"
        ),
        name="group",
    )


def _status(controls: PainterControls) -> Box:
    painter = controls.owner
    facts, hint = controls.text("facts"), controls.text("hint")

    def count() -> None:
        facts.value = html.escape(_facts(painter))

    counted = Throttle(count, _COUNTED_EVERY)
    controls.follow("mask_version", lambda _: counted())
    controls.follow("hint", lambda text: setattr(hint, "value", html.escape(text)))
    return controls.group(facts, hint, name="status")


def _drawn(tool: Tool, place: int) -> tuple[str, str]:
    """A tool's icon: its name, and the rule that draws it if it is none of ours."""
    if tool.function is None:
        return tool.name, ""
    name = f"tool-{place}"
    return name, icons.rule(name, icons.svg(tool.icon) if tool.icon else icons.monogram(tool.label))


def _titled(tool: Tool) -> str:
    title = f"{tool.label} ({tool.key.upper()})" if tool.key else tool.label
    told = tool.tooltip and tool.tooltip != tool.label
    return f"{title}: {tool.tooltip[0].lower()}{tool.tooltip[1:]}" if told else title


def _facts(painter: MaskPainter) -> str:
    width, height = painter.size
    facts = ["fills nothing", f"{width} × {height} px"]
    if (box := painter.bbox) is not None:
        left, top, right, bottom = box
        facts[:1] = [f"fills {100 * painter.coverage:.1f} %",
                     f"box {left}, {top} – {right}, {bottom}"]  # fmt: skip
    return " · ".join(facts)


def _line(controls: PainterControls) -> Widget:
    return controls.group(name="line")
