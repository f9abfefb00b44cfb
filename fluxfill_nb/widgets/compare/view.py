"""The comparer's canvas: what of its sight is drawn when.

Hidden canvases hold the two pictures, or their difference, and the mask's outline as they were last
rendered. What flickers lies on a canvas of its own above the layers, which the browser shows and
hides by itself: however busy kernel and network are, the beat is even.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML

from ...painting.operation import Grey, IntBox
from ...showing import difference_colours
from ..canvas import CanvasView
from ..painter.pictures import CRISP, encoded, render_outline
from .compared import Compared, difference, top_of_scale
from .sight import Sight

# Of the divider, CSS px: half its width, and half that of its dark rim; its handle, and the arrows
# on it.
_LINE, _RIM = 1.0, 2.0
_HANDLE = 13.0
_ARROW = (3.5, 7.5, 4.0)
_DARK, _LIGHT = "#1b1b1b", "#ffffff"


class View(CanvasView):
    """Draws what a sight shows of pictures.

    Parameters
    ----------
    compared
        The pictures.
    sight
        What is seen of them at first.
    width
        Of the canvas where the page has room, CSS px.
    hear, fail
        As in `CanvasView`.
    """

    ALL = frozenset({"pictures", "outline", "layer"})

    def __init__(
        self,
        compared: Compared,
        sight: Sight,
        width: int,
        hear: Callable[..., None],
        fail: Callable[[Exception], None],
    ) -> None:
        super().__init__(sight.canvas, 1, 3, hear, fail, above=1)
        self._compared = compared
        self._sight = sight
        self._rendered = sight.viewport
        self._fine = sight.canvas[0] / width
        self._beat: tuple[float, int] | None = None
        self._front = 0
        self._cursor = "grab"
        self._tags = HTML()
        self._tags.add_class("ffnb-tags")
        self._above[0].add_class("ffnb-above")
        sheet, *canvases, pad = self.stage.children
        self.stage.children = (sheet, *canvases, self._tags, pad)
        self._say()
        self._dress()

    def show(self, sight: Sight) -> None:
        """Show another sight: at once what there is, sharp when it has settled."""
        old, self._sight = self._sight, sight
        if sight.pair != old.pair or sight.viewport.canvas != old.viewport.canvas:
            self._sharpen()
        elif (sight.mode == "difference", sight.amplify) != (
            old.mode == "difference", old.amplify
        ):  # fmt: skip
            self._ask("pictures", "layer")
        elif sight.viewport != old.viewport:
            self._ask("layer")
            self._settle()
        elif sight != old:
            self._ask("layer", *(["outline"] if sight.outlined != old.outlined else []))
        if (sight.mode, sight.pair, sight.amplify) != (old.mode, old.pair, old.amplify):
            self._say()
            self._dress()

    def flicker(self, beat: tuple[float, int] | None, front: int) -> None:
        """Show the pair one after the other, or hold one of it.

        Parameters
        ----------
        beat
            Changes per second, and how many; None to hold still.
        front
            Which of the pair is seen while nothing changes, 0 or 1.
        """
        if (beat, front) != (self._beat, self._front):
            self._beat, self._front = beat, front
            self._dress()

    def point(self, cursor: str) -> None:
        """Give the pointer its shape, as CSS names it."""
        if cursor != self._cursor:
            self._cursor = cursor
            self._dress()

    # ------------------------------------------------------------------------------ drawing

    def _draw_stale(self, stale: set[str]) -> None:
        sight = self._sight
        if "pictures" in stale:
            self._rendered = sight.viewport
            self._render()
        if stale & {"pictures", "outline"}:
            self._render_outline()
        layer, (above,) = self._layers[0], self._above
        for canvas in (layer, above):
            canvas.reset_transform()
            canvas.clear()
        left, top, right, bottom = sight.panes[0]
        if sight.mode == "swipe":
            line = sight.line
            self._paint(layer, 0, (left, top, line, bottom))
            self._paint(layer, 1, (line, top, right, bottom))
            self._draw_divider(layer, line)
        elif sight.mode == "side":
            for place, pane in enumerate(sight.panes):
                self._paint(layer, place, pane, pane[0])
        else:
            self._paint(layer, 0, sight.panes[0])
            if sight.mode == "flicker":
                self._paint(above, 1, sight.panes[0])

    def _render(self) -> None:
        sight, view = self._sight, self._rendered
        seen = [self._compared.pyramid(place).seen(view) for place in sight.pair]
        one, other = seen
        if sight.mode == "difference" and one is not None and other is not None:
            seen = [(difference(one[0], other[0], sight.amplify), one[1])]
        for canvas, part in zip(self._hidden, seen, strict=False):
            canvas.clear()
            self._put(canvas, None if part is None else encoded(*part, view))

    def _render_outline(self) -> None:
        canvas, mask = self._hidden[2], self._compared.mask
        canvas.clear()
        if mask is not None and self._sight.outlined:

            def pixels(box: IntBox) -> Grey:
                left, top, right, bottom = box
                return mask.array[top:bottom, left:right]

            whole = (0, 0, *self._compared.size)
            self._put(canvas, render_outline(pixels, self._rendered, whole))

    def _paint(self, layer: Any, place: int, window: IntBox, left: int = 0) -> None:
        """Draw one of the pair inside a window, from where it was rendered to where it is seen."""
        was, now = self._rendered, self._sight.viewport
        scale = now.scale / was.scale
        layer.save()
        layer.begin_path()
        layer.rect(window[0], window[1], window[2] - window[0], window[3] - window[1])
        layer.clip()
        layer.set_transform(scale, 0, 0, scale, left + now.x - scale * was.x, now.y - scale * was.y)
        layer.image_smoothing_enabled = now.scale < CRISP
        layer.draw_image(self._hidden[place])
        if self._sight.outlined:
            layer.draw_image(self._hidden[2])
        layer.restore()

    def _draw_divider(self, layer: Any, line: int) -> None:
        height, fine = self._sight.canvas[1], self._fine
        for colour, half in ((_DARK, _RIM), (_LIGHT, _LINE)):
            layer.fill_style = colour
            layer.fill_rect(line - half * fine, 0, 2 * half * fine, height)
        for colour, radius in ((_DARK, _HANDLE + _RIM - _LINE), (_LIGHT, _HANDLE)):
            layer.fill_style = colour
            layer.fill_circle(line, height / 2, radius * fine)
        near, far, half = (length * fine for length in _ARROW)
        layer.stroke_style = _DARK
        layer.line_width = 1.5 * fine
        layer.line_cap = layer.line_join = "round"
        for side in (-1, 1):
            layer.stroke_lines(
                [
                    (line + side * near, height / 2 - half),
                    (line + side * far, height / 2),
                    (line + side * near, height / 2 + half),
                ]
            )

    # ------------------------------------------------------------------------------ what it says

    def _say(self) -> None:
        """Put the names of what is seen over it."""
        sight = self._sight
        names = [html.escape(self._compared.labels[place]) for place in sight.pair]
        if sight.mode == "difference":
            self._tags.value = (
                f'<div class="ffnb-of-difference"><span>{names[0]} − {names[1]}</span>'
                f"{_scale(sight.amplify)}</div>"
            )
        else:
            self._tags.value = (
                f'<div class="ffnb-of-{sight.mode}"><span class="ffnb-one">{names[0]}</span>'
                f'<span class="ffnb-other">{names[1]}</span></div>'
            )

    def _dress(self) -> None:
        css, front = self._css, self._front
        self._style(
            f".{css}>.ffnb-pad{{cursor:{self._cursor}}}",
            *(self._flickering() if self._sight.mode == "flicker" else ()),
            f".{css}>.ffnb-above{{opacity:{front if self._sight.mode == 'flicker' else 0}}}",
        )

    def _flickering(self) -> tuple[str, ...]:
        css, front = self._css, self._front
        held = (
            f".{css} .ffnb-other{{opacity:{front}}}",
            f".{css} .ffnb-one{{opacity:{1 - front}}}",
        )
        if self._beat is None:
            return held
        rate, changes = self._beat
        # All begin anew together when the pair changes: another name, another animation.
        name = "-".join(map(str, (css, *self._sight.pair)))
        timing = f"{2 / rate:.3f}s step-end {changes / 2:g}"
        return (
            *held,
            f"@keyframes {name}-on{{0%{{opacity:0}}50%{{opacity:1}}}}",
            f"@keyframes {name}-off{{0%{{opacity:1}}50%{{opacity:0}}}}",
            "@media (prefers-reduced-motion:no-preference){"
            f".{css}>.ffnb-above,.{css} .ffnb-other{{animation:{name}-on {timing}}}"
            f".{css} .ffnb-one{{animation:{name}-off {timing}}}}}",
        )


def _scale(amplify: float) -> str:
    """The colours of a difference, and what they stand for."""
    top = top_of_scale(amplify)
    colours = ",".join(f"rgb({r},{g},{b})" for r, g, b in difference_colours()[::51])
    # In the middle is a quarter: colours go by the square root.
    marks = f"<i>0</i><i>{top / 4:.0f}</i><i>{top:.0f} of 255</i>"
    return (
        '<div class="ffnb-scale" role="img" '
        f'aria-label="Colours from no difference to {top:.0f} of 255 levels">'
        f'<b style="background:linear-gradient(90deg,{colours})"></b><div>{marks}</div></div>'
    )
