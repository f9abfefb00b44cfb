"""A canvas in the notebook: the only module that knows ipycanvas.

What is seen are layers, and above them a pad, never drawn on, that alone hears the pointer and the
keys; they lie in one cell of a grid. Hidden canvases hold what was last rendered, to be drawn
scaled and shifted. All of it can be made anew: a page that comes, or comes again, gets everything
once it says that it is ready.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from ipycanvas import Canvas, MultiCanvas, hold_canvas
from ipycanvas.canvas import _CANVAS_MANAGER, COMMANDS
from ipywidgets import HTML, Box, Widget

from ..mask import Size
from .painter.pictures import Patch
from .parts import close
from .throttle import Throttle

LOCK = threading.RLock()
"""Held by whoever draws or is called by a page: ipycanvas has one state for the whole kernel, and
some kernels call back from another thread than the one that runs the cells."""

EVENTS = (
    "client_ready", "mouse_down", "mouse_move", "mouse_up", "mouse_out", "mouse_wheel",
    "touch_start", "touch_move", "touch_end", "touch_cancel", "key_down",
)  # fmt: skip
"""What a page tells, by ipycanvas' names."""

# From one draw to the next, s: notebooks that draw at each move of a mouse fall behind.
_FRAME = 0.025
# How long what is there is scaled and shifted before it is rendered anew, s.
_SETTLED = 0.15
# How long a page may still be drawing what it was sent last, s.
_AFTERLIFE = 5.0


class CanvasView(ABC):
    """Draws what is stale, a few times a second at most, and hears what is done on it.

    Parameters
    ----------
    size
        (width, height), canvas px.
    layers
        How many lie one above the other.
    hidden
        How many more canvases there are, to draw from.
    hear
        Called with the name of each event and what ipycanvas tells of it.
    fail
        Called with what went wrong in a draw.
    above
        How many canvases of their own lie above the layers, and below the pad.
    """

    ALL: ClassVar[frozenset[str]]
    """Names of all that can be stale."""

    def __init__(
        self,
        size: Size,
        layers: int,
        hidden: int,
        hear: Callable[..., None],
        fail: Callable[[Exception], None],
        *,
        above: int = 0,
    ) -> None:
        # Widget.close_all() closes ipycanvas' manager too, without which no canvas can be made.
        _CANVAS_MANAGER.open()
        self._fail = fail
        width, height = size
        self._hidden = tuple(Canvas(width=width, height=height) for _ in range(hidden))
        self._beacon = Canvas(width=1, height=1)
        self._layers = MultiCanvas(layers, width=width, height=height)
        self._above = tuple(Canvas(width=width, height=height) for _ in range(above))
        self._sheet = HTML()
        # Made last: a page that has it has them all.
        self._pad = Canvas(width=width, height=height)
        for event in EVENTS:
            getattr(self._pad, f"on_{event}")(partial(hear, event))
        self._css = f"ffnb-stage-{self._pad.model_id[:8]}"
        self.stage = Box((self._sheet, self._layers, *self._above, self._pad))
        self.stage.add_class(self._css)
        self._pad.add_class("ffnb-pad")
        self._ready = self._closed = False
        self._together = 0
        self._stale: set[str] = set()
        self._soon = Throttle(self._draw, _FRAME)
        self._settle = Throttle(self._sharpen, _SETTLED, leading=False)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Draw what is new only when all of it is known: no frame shows the half of it."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            self._ask()

    def replay(self) -> None:
        """Draw everything: a page is ready that has nothing yet."""
        self._ready = True
        self._sharpen()

    def let_through(self, on: bool) -> None:
        """Leave pointer and wheel to the page."""
        (self._pad.add_class if on else self._pad.remove_class)("ffnb-through")

    def release_keys(self) -> None:
        """Give the keyboard back to the page."""
        self._pad.blur()

    def close(self) -> None:
        """Draw no more, and close all canvases."""
        if self._closed:
            return
        self._closed = True
        layers = (self._layers[place] for place in range(len(self._layers._canvases)))
        widgets = (
            self.stage, self._pad, self._sheet, *self._above, self._layers, *layers,
            self._beacon, *self._hidden,
        )  # fmt: skip
        # What was sent last names the canvases, and a name that a page does not know any more
        # stops all drawing there.
        _later(_AFTERLIFE, lambda: _close(widgets))

    # ------------------------------------------------------------------------------ drawing

    @abstractmethod
    def _draw_stale(self, stale: set[str]) -> None:
        """Draw what is stale; all that it draws is sent as one message."""

    def _ask(self, *stale: str) -> None:
        self._stale.update(stale)
        if self._stale and not self._together:
            self._soon()

    def _sharpen(self) -> None:
        self._ask(*self.ALL)

    def _draw(self) -> None:
        with LOCK:
            if not self._ready or self._closed:
                return
            stale, self._stale = self._stale, set()
            try:
                with self._batch():
                    self._draw_stale(stale)
            except Exception as error:
                # Nobody knows what is on the canvas now: the next draw makes all of it anew.
                self._stale = set(self.ALL)
                self._fail(error)

    def _style(self, *rules: str) -> None:
        """Give the stage its style sheet, with rules of its own."""
        self._sheet.value = f"<style>{_sheet(self._css)}{''.join(rules)}</style>"

    @staticmethod
    def _put(canvas: Canvas, patch: Patch | None) -> None:
        # ipycanvas' own put_image_data takes arrays only, and encodes them ten times as long.
        if patch is not None:
            place = [patch.left, patch.top]
            _CANVAS_MANAGER.send_draw_command(canvas, COMMANDS["putImageData"], place, [patch.file])

    @contextmanager
    def _batch(self) -> Iterator[None]:
        """Send what is drawn inside as one message, whatever happens.

        It ends on the beacon: so the next one begins by naming its canvas, which a page that has
        come in the meantime would not know, and which would stop all drawing there.
        """
        caching = _CANVAS_MANAGER._caching
        hold = hold_canvas()
        hold.__enter__()
        try:
            yield
        finally:
            try:
                self._beacon.clear()
                hold.__exit__(None, None, None)
            finally:
                # Without these, ipycanvas would keep what it could not send, and draw nothing more.
                _CANVAS_MANAGER._caching = caching
                _CANVAS_MANAGER._commands_cache, _CANVAS_MANAGER._buffers_cache = [], []


def _close(widgets: Iterable[Widget]) -> None:
    for widget in widgets:
        close(widget)


def _later(seconds: float, action: Callable[[], Any]) -> None:
    try:
        asyncio.get_running_loop().call_later(seconds, action)
    except RuntimeError:
        action()


def _sheet(name: str) -> str:
    """The pad lies exactly over the layers, in one cell of a grid as wide as there is room."""
    return (
        f".{name}{{display:grid;width:100%;overflow:hidden;container-type:inline-size;padding:0}}"
        f".{name}>*{{grid-area:1/1;margin:0}}"
        f".{name}>.widget-html{{display:none}}"
        f".{name}>canvas{{width:100%;height:auto;pointer-events:none}}"
        f".{name}>.ffnb-pad{{pointer-events:auto;touch-action:none}}"
        f".{name}>.ffnb-pad:focus{{outline:2px solid var(--jp-brand-color1,#1976d2);"
        "outline-offset:-2px}"
        f".{name}>.ffnb-through{{pointer-events:none}}"
    )
