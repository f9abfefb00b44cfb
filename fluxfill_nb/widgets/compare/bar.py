"""What lies around the comparer's canvas: how to compare, what, and the view."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, TypeAlias

from ipywidgets import Box, Dropdown, IntSlider, Layout, VBox, Widget

from ..controls import Controls, Item, marked, percent, reveal, share
from ..sheets import sheets

if TYPE_CHECKING:
    from .compare import Compare

    CompareControls: TypeAlias = Controls[Compare]

# The frame beside the canvas, CSS px.
_BESIDE = 2

_MODES = (
    Item("swipe", "Swipe", "One picture left of a divider, the other right of it (1)", "swipe"),
    Item("side", "Side by side", "Both, seen from the same place (2)", "side"),
    Item("flicker", "Flicker", "One after the other (3)", "flicker"),
    Item("difference", "Difference", "How far they are apart (4)", "difference"),
)
_HINTS = {
    "swipe": "Drag the divider, or press ← →. Space swaps.",
    "side": "Wheel: zoom. Drag: move both. Space swaps.",
    "flicker": "Space plays and pauses, ← → hold one.",
    "difference": "Bright is far apart. Wheel: zoom. Drag: move.",
}
# Factors of the difference: powers of two up to this one.
_MOST = 4
# Stops of the slider for the rate, per change a second.
_PER_RATE = 2


def frame(compare: Compare, stage: Widget) -> list[Widget]:
    """Return a comparer's children: its stage, which holds the canvas, and all that lies around it.

    Parameters
    ----------
    compare
        What is pressed sets its traits or is done by its methods; what is shown follows the traits.
    stage
        Its ``layout.width``, px, is what the bars are made to fit.
    """
    controls = Controls(compare)
    around = VBox(
        [
            controls.group(
                controls.choice("mode", _MODES).widget,
                _pair(compare, controls),
                name="bar top modes",
            ),
            controls.group(controls.group(stage, name="stage"), name="body"),
            controls.group(
                _options(compare, controls), _view(compare, controls), name="bar mask below"
            ),
            controls.error_line(),
            _status(compare, controls),
        ],
        layout=Layout(width=f"calc({stage.layout.width} + {_BESIDE}px)", max_width="100%"),
    )
    return [*sheets("painter", "compare"), marked(around, "ui", "painter", "compare")]


def _pair(compare: Compare, controls: CompareControls) -> Box:
    """Which two: a list for each of them if there are more, and a button that swaps them."""
    offered = [(name, place) for place, name in enumerate(compare.labels)]
    lists = []
    for side, name in enumerate(("First picture", "Second picture")):
        choice = controls.field(Dropdown, name, options=offered)
        _tie(compare, controls, choice, side)
        lists.append(marked(choice, "pick", "unnamed"))
        reveal(choice, len(offered) > 2)
    swap = controls.action("swap", "Swap", "Swap the two pictures (Space)", compare.swap)
    one, other = lists
    return controls.group(one, swap, other, name="field pair")


def _tie(compare: Compare, controls: CompareControls, choice: Dropdown, side: int) -> None:
    def show(pair: tuple[int, int]) -> None:
        choice.value = pair[side]

    def write() -> None:
        pair = list(compare.pair)
        if pair[side] != choice.value:
            pair[side] = choice.value
            compare.pair = tuple(pair)

    controls.follow("pair", show)
    choice.observe(controls.guarded(write), "value")


def _options(compare: Compare, controls: CompareControls) -> Box:
    """What the mode can be set to; what it does not know is not shown."""
    divider = controls.field(IntSlider, "Divider", min=0, max=100, readout=False)
    controls.bind("divider", divider, percent, share)
    by_mode = {
        "swipe": [marked(divider, "slider")],
        "flicker": _flicker(controls),
        "difference": _amplify(controls),
    }
    groups = {mode: controls.group(*parts, name="field") for mode, parts in by_mode.items()}
    outline = marked(
        controls.switch("outlined", "outline", "Mask outline", "Outline the mask (M)"), "text"
    )
    reveal(outline, compare.mask is not None)

    def show(mode: str) -> None:
        for name, group in groups.items():
            reveal(group, name == mode)

    controls.follow("mode", show)
    return controls.group(outline, *groups.values(), name="options")


def _flicker(controls: CompareControls) -> list[Widget]:
    play = marked(controls.switch("playing", "play", "Play", "Play or pause (Space)"), "text")
    rate = controls.field(IntSlider, "Changes per second", min=1, max=5 * _PER_RATE, readout=False)
    controls.bind(
        "flicker_rate", rate, lambda hertz: round(hertz * _PER_RATE), lambda stop: stop / _PER_RATE
    )
    told = controls.text("value")
    controls.follow("flicker_rate", lambda hertz: setattr(told, "value", f"{hertz:g} / s"))
    return [play, marked(rate, "slider", "short", "unnamed"), told]


def _amplify(controls: CompareControls) -> list[Widget]:
    factor = controls.field(IntSlider, "Amplify", min=0, max=_MOST, readout=False)
    controls.bind("amplify", factor, lambda times: round(math.log2(times)), lambda stop: 2.0**stop)
    told = controls.text("value")
    controls.follow("amplify", lambda times: setattr(told, "value", f"× {times:g}"))
    return [marked(factor, "slider", "short"), told]


def _view(compare: Compare, controls: CompareControls) -> Box:
    zoom = controls.text("zoom")
    controls.follow("zoom", lambda scale: setattr(zoom, "value", f"{100 * scale:.0f} %"))
    return controls.group(
        controls.action("zoom-out", "Zoom out", "Zoom out (−)", compare.zoom_out),
        zoom,
        controls.action("zoom-in", "Zoom in", "Zoom in (+)", compare.zoom_in),
        controls.action("fit", "Fit", "The whole pictures (0)", compare.fit),
        controls.action("actual", "Actual size", "Pixel by pixel, 1:1", compare.actual_size),
        controls.switch(
            "scrolling", "scroll", "Scroll", "Scroll the page over the pictures; dragging is off"
        ),
        name="group",
    )


def _status(compare: Compare, controls: CompareControls) -> Box:
    facts, hint = controls.text("facts"), controls.text("hint")
    width, height = compare.size
    facts.value = f"{width} × {height} px"
    controls.follow("mode", lambda mode: setattr(hint, "value", html.escape(_HINTS[mode])))
    return controls.group(facts, hint, name="status")
