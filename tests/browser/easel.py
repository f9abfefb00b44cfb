"""A painter that a real page shows: a hand on it, and an eye for what is on the canvas."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import CDPSession, Locator, Page

from fluxfill_nb.widgets.painter.viewport import Viewport
from tests.browser.conftest import Notebook
from tests.patience import until

Point = tuple[float, float]

# Pictures in the tests are grey: what is red in them is the mask.
RED = """canvas => {
    const {width, height} = canvas;
    const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
    let red = "";
    for (let at = 0; at < data.length; at += 4)
        red += String.fromCharCode(Math.max(0, data[at] - data[at + 1]));
    return [width, height, btoa(red)];
}"""
# Half of what the overlay, #ff3b5c at 50 %, gives.
HALF_RED = (0xFF - 0x3B) / 4


class Easel:
    """A painter on a page.

    Parameters
    ----------
    page
        The page.
    within
        What holds the painter, and no other.
    size
        Of the picture, px.
    """

    def __init__(self, page: Page, within: Locator, size: tuple[int, int]) -> None:
        self.page = page
        self.frame = within.locator(".ffnb-painter")
        self.pad = within.locator("canvas.ffnb-pad")
        self.canvas = within.locator("canvas:not(.ffnb-pad)")
        self.size = size

    def wait(self) -> Easel:
        """Wait until the picture is on the canvas."""
        self.canvas.wait_for()
        until(
            lambda: self.canvas.evaluate(
                """canvas => canvas.getContext("2d").getImageData(
                    canvas.width / 2, canvas.height / 2, 1, 1).data[3] === 255"""
            ),
            "the picture is drawn",
        )
        self.pad.scroll_into_view_if_needed()
        return self

    # ------------------------------------------------------------------------------ the hand

    @property
    def fitted(self) -> Viewport:
        """The view at first: the whole picture."""
        width, height = self.canvas.evaluate("canvas => [canvas.width, canvas.height]")
        return Viewport.fit(self.size, (width, height))

    def on_page(self, point: Point, view: Viewport | None = None) -> Point:
        """Where on the page a point of the picture is, CSS px."""
        view = view or self.fitted
        box = self.pad.bounding_box()
        assert box is not None
        x, y = view.to_canvas(*point)
        return (
            box["x"] + x * box["width"] / view.canvas[0],
            box["y"] + y * box["height"] / view.canvas[1],
        )

    @property
    def beside(self) -> Point:
        """Somewhere on the page beside the canvas, CSS px."""
        box = self.frame.bounding_box()
        assert box is not None
        return box["x"] + box["width"] + 20, box["y"] + box["height"] / 2

    def press(self, points: Iterable[Point], *, steps: int = 6) -> None:
        """Go to the first point, press, go on to the others."""
        first, *others = (self.on_page(point) for point in points)
        mouse = self.page.mouse
        mouse.move(*first)
        mouse.down()
        for other in others:
            mouse.move(*other, steps=steps)

    def drag(self, points: Iterable[Point], *, steps: int = 6) -> None:
        """Press at the first point, release at the last."""
        self.press(points, steps=steps)
        self.page.mouse.up()

    def click(self, point: Point) -> None:
        """Click a point of the picture."""
        self.drag([point])

    def touch(self, kind: str, points: Sequence[Point]) -> None:
        """Let the browser believe that fingers touch its screen."""
        places = [self.on_page(point) for point in points]
        self._touches.send(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)],
            },
        )

    @cached_property
    def _touches(self) -> CDPSession:
        # One for all: the browser keeps apart what different ones touch.
        return self.page.context.new_cdp_session(self.page)

    def choose(self, tool: str) -> None:
        """Press a tool's button."""
        self.button(tool).click()

    def button(self, name: str) -> Locator:
        """The button with this name."""
        return self.frame.get_by_role("button", name=name, exact=True)

    # ------------------------------------------------------------------------------ the eye

    def seen(self) -> NDArray[np.bool_]:
        """Where on the canvas more than half is filled."""
        width, height, red = self.canvas.evaluate(RED)
        values = np.frombuffer(base64.b64decode(red), np.uint8).reshape(height, width)
        return np.asarray(values > HALF_RED)

    def filled(self, point: Point) -> bool:
        """Whether the canvas shows that a point of the picture is filled."""
        x, y = self.fitted.to_canvas(*point)
        return bool(self.seen()[int(y), int(x)])

    def middle(self) -> Point:
        """The middle of what the canvas shows as filled, canvas px."""
        rows, columns = np.nonzero(self.seen())
        return (float(columns.mean()), float(rows.mean())) if rows.size else (-1.0, -1.0)

    def agreement(self, mask: NDArray[np.uint8], view: Viewport | None = None) -> float:
        """How much of what canvas or mask fill both do; px at an edge may be either, 0 to 1."""
        values = on_canvas(mask, view or self.fitted)
        seen, wanted = self.seen(), values >= 128
        either = (seen | wanted) & (np.abs(values - 127.5) > 40)
        return float((seen & wanted)[either].mean()) if either.any() else 1.0


def on_canvas(mask: NDArray[np.uint8], view: Viewport) -> NDArray[np.float64]:
    """A mask's mean value in each px of a canvas, from 4 x 4 places; 0 beyond the picture."""
    values = np.zeros(view.canvas[::-1])
    rows, columns = mask.shape
    for dx, dy in itertools.product((np.arange(4) + 0.5) / 4, repeat=2):
        x, y = np.arange(view.canvas[0]) + dx, np.arange(view.canvas[1]) + dy
        column, row = (np.floor(np.asarray(place)).astype(int) for place in view.to_picture(x, y))
        inside_x, inside_y = (column >= 0) & (column < columns), (row >= 0) & (row < rows)
        values[np.ix_(inside_y, inside_x)] += mask[np.ix_(row[inside_y], column[inside_x])] / 16
    return values


def mask_in_kernel(notebook: Notebook, name: str = "painter") -> NDArray[np.uint8]:
    """The mask that a painter has in its kernel."""
    png = notebook.json(f"__import__('base64').b64encode({name}.mask.to_png()).decode()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("L"))
