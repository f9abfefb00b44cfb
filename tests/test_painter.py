"""The painter without a browser: what a page is sent, and what comes of what it tells."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ipycanvas import Canvas, hold_canvas
from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidMask, InvalidOption
from fluxfill_nb.painting import Load, Painting
from fluxfill_nb.widgets.painter import MaskPainter
from fluxfill_nb.widgets.painter.cursor import LARGEST, pointer_css
from fluxfill_nb.widgets.painter.pictures import Pyramid, render_mask, render_outline
from fluxfill_nb.widgets.painter.viewport import Viewport
from fluxfill_nb.widgets.throttle import Throttle
from tests.front_end import Page, Pointer

PHOTO = data.astronaut()[:400, :500]
SIZE = (500, 400)
RED = np.array([0xFF, 0x3B, 0x5C]) / 255
TRIANGLE = [(100.0, 80.0), (400.0, 120.0), (220.0, 330.0)]


@pytest.fixture
def painter(open_page: Callable[[], Page]) -> MaskPainter:
    return MaskPainter(PHOTO, width=360)


@pytest.fixture
def page(painter: MaskPainter, open_page: Callable[[], Page]) -> Iterator[Page]:
    page = open_page()
    yield page
    assert page.dead is None


@pytest.fixture
def hand(painter: MaskPainter, page: Page) -> Pointer:
    return Pointer(painter)


def values_on_canvas(painter: MaskPainter) -> NDArray[np.float64]:
    """The mask's mean value in each canvas px, from 4 x 4 places; 0 beyond the picture."""
    view = painter._scene.viewport
    mask = painter.mask.array
    values = np.zeros(view.canvas[::-1])
    for dx, dy in itertools.product((np.arange(4) + 0.5) / 4, repeat=2):
        x, y = np.arange(view.canvas[0]) + dx, np.arange(view.canvas[1]) + dy
        column, row = (np.floor(place).astype(int) for place in view.to_picture(x, y))
        columns = (column >= 0) & (column < painter.size[0])
        rows = (row >= 0) & (row < painter.size[1])
        values[np.ix_(rows, columns)] += mask[np.ix_(row[rows], column[columns])] / 16
    return values


def filled_on_canvas(page: Page, painter: MaskPainter) -> NDArray[np.bool_]:
    """Where the overlay shows that more than half is filled."""
    return page.layers(painter)[1][:, :, 3] > painter.overlay_opacity / 2


def agreement(page: Page, painter: MaskPainter) -> float:
    """Share of what canvas or mask fill that both do; canvas px half filled count either way."""
    seen, values = filled_on_canvas(page, painter), values_on_canvas(painter)
    either = (seen | (values >= 128)) & (np.abs(values - 127.5) > 40)
    return float((seen & (values >= 128))[either].mean()) if either.any() else 1.0


def marks(page: Page, painter: MaskPainter) -> NDArray[np.float32]:
    return page.layers(painter)[2]


# ------------------------------------------------------------------------------ tools and methods


def by_clicks(hand: Pointer, points: Any) -> None:
    for point in points:
        hand.click(*point)
    hand.key("Enter")


BY_HAND: dict[str, tuple[Callable[[Pointer], None], Callable[[MaskPainter], object]]] = {
    "brush": (
        lambda hand: hand.drag(TRIANGLE),
        lambda painter: painter.brush(TRIANGLE, size=40),
    ),
    "line": (
        lambda hand: hand.drag(TRIANGLE[:2]),
        lambda painter: painter.line(*TRIANGLE[:2], size=40),
    ),
    "rectangle": (
        lambda hand: hand.drag(TRIANGLE[::2]),
        lambda painter: painter.rectangle((100, 80, 220, 330)),
    ),
    "ellipse": (
        lambda hand: hand.drag(TRIANGLE[::2]),
        lambda painter: painter.ellipse((100, 80, 220, 330)),
    ),
    "lasso": (
        lambda hand: hand.drag(TRIANGLE),
        lambda painter: painter.polygon(TRIANGLE),
    ),
    "polygon": (
        lambda hand: by_clicks(hand, TRIANGLE),
        lambda painter: painter.polygon(TRIANGLE),
    ),
    "fill": (
        lambda hand: hand.click(250, 200),
        lambda painter: painter.fill((250, 200)),
    ),
    "wand": (
        lambda hand: hand.click(30.5, 30.5),
        lambda painter: painter.wand((30.5, 30.5)),
    ),
}


@pytest.mark.parametrize("tool", BY_HAND)
def test_a_tool_does_what_its_method_does_and_the_canvas_shows_it(tool, painter, page, hand):
    with_mouse, in_code = BY_HAND[tool]
    twin = MaskPainter(PHOTO)
    painter.tool, painter.brush_size = tool, 40
    with_mouse(hand)
    in_code(twin)
    assert painter.error == ""
    assert painter.mask == twin.mask
    assert painter.coverage > 0.001
    assert agreement(page, painter) >= 0.99
    assert not marks(page, painter).any()


@pytest.mark.parametrize("tool", sorted({*BY_HAND} - {"line"}))
@pytest.mark.parametrize("mode", ["subtract", "replace"])
def test_modes(tool, mode, painter, page, hand):
    painter.rectangle((0, 0, 300, 400))
    twin = MaskPainter(PHOTO, painter.mask)
    painter.tool, painter.mode = ("eraser", "add") if tool == "brush" else (tool, mode)
    BY_HAND[tool][0](hand)
    if tool == "brush":
        twin.erase(TRIANGLE, size=painter.brush_size)
    elif tool in ("lasso", "polygon"):
        twin.polygon(TRIANGLE, mode)
    elif tool in ("rectangle", "ellipse"):
        getattr(twin, tool)((100, 80, 220, 330), mode)
    else:
        getattr(twin, tool)((250, 200) if tool == "fill" else (30.5, 30.5), mode=mode)
    assert painter.mask == twin.mask
    assert agreement(page, painter) >= 0.99


@pytest.mark.parametrize(
    "verb",
    [
        lambda painter: painter.invert(),
        lambda painter: painter.clear(),
        lambda painter: painter.grow(12),
        lambda painter: painter.shrink(12),
        lambda painter: painter.feather(20),
        lambda painter: painter.fill_holes(),
        lambda painter: painter.undo(),
        lambda painter: setattr(painter, "mask", ff.Mask.from_ellipse(SIZE, (50, 50, 450, 200))),
    ],
)
def test_changes_made_in_code_show_at_once(verb, painter, page):
    painter.ellipse((100, 100, 400, 300))
    painter.ellipse((200, 150, 300, 250), "subtract")
    before = painter.mask_version
    verb(painter)
    assert painter.mask_version == before + 1
    assert agreement(page, painter) >= 0.99 or painter.mask.is_empty
    assert painter.mask.is_empty == (not filled_on_canvas(page, painter).any())


def test_live_ink_is_what_will_be_painted(painter, page, hand):
    """Before the button is up, the canvas shows nearly what the mask will be."""
    painter.brush_size = 30
    hand.down(*TRIANGLE[0])
    for point in TRIANGLE[1:]:
        hand.move(*point)
    assert painter.mask.is_empty
    live = filled_on_canvas(page, painter)
    hand.up(*TRIANGLE[-1])
    painted = filled_on_canvas(page, painter)
    assert (live & painted).sum() / (live | painted).sum() > 0.98


def test_the_eraser_is_seen_while_it_erases(painter, page, hand):
    painter.rectangle((0, 0, 500, 400))
    painter.tool = "eraser"
    hand.down(250, 200)
    hand.move(300, 200)
    x, y = map(round, painter._scene.viewport.to_canvas(275, 200))
    assert not filled_on_canvas(page, painter)[y, x]
    hand.key("Escape")
    assert filled_on_canvas(page, painter)[y, x]
    assert painter.coverage == 1


def test_strokes_cross_the_edge(painter, page, hand):
    painter.brush_size = 20
    hand.drag([(100, 100), (-12, 100)])
    assert painter.bbox[0] == 0
    hand.down(490, 200)
    hand.out(600, 200)
    hand.move(100, 300)
    assert painter.bbox[2] == 500
    assert painter.mask.array[300, 100] == 0
    assert agreement(page, painter) >= 0.99
    view = painter._scene.viewport
    beside = page.layers(painter)[1][:, : int(view.x) - 1]
    assert beside.shape[1] > 20
    assert not beside.any()


def test_what_the_browser_does_not_tell(painter, hand):
    hand.down(100, 100)
    hand.out(100, 100)  # the right button's menu
    assert painter.mask.is_empty
    hand.down(100, 100)
    hand.move(150, 100)
    hand.down(300, 300)  # the button went up outside
    hand.up(310, 300)
    assert len(painter.log) == 2


def test_touch(painter, page, hand):
    hand.touch("start", [(100, 100)])
    hand.touch("move", [(200, 100)])
    hand.touch("end", [])
    assert painter.mask.array[100, 150] == 255
    zoom = painter.zoom
    hand.touch("start", [(200, 200)])
    hand.touch("start", [(200, 200), (300, 200)])
    hand.touch("move", [(150, 200), (350, 200)])
    hand.touch("end", [])
    assert painter.zoom == pytest.approx(2 * zoom)
    assert len(painter.log) == 1
    assert agreement(page, painter) >= 0.99


# ------------------------------------------------------------------------------ the view


@pytest.mark.parametrize("factor", [0.7, 1.9, 4.7, 20])
def test_zoomed_painting_lands_where_it_should(factor, painter, page, hand):
    painter.see(painter._scene.viewport.zoomed(factor, (300, 200)).moved(13, -7))
    view = painter._scene.viewport
    left, top, right, bottom = view.visible
    points = [(left + (right - left) * a, top + (bottom - top) * b) for a, b in
              [(0.3, 0.3), (0.7, 0.5), (0.4, 0.7)]]  # fmt: skip
    painter.brush_size = max(4, round((right - left) / 12))
    hand.drag(points)
    meant = ff.Mask.from_strokes(SIZE, points, width=painter.brush_size)
    assert (painter.mask - meant.grow(1)).is_empty
    assert (meant.shrink(1) - painter.mask).is_empty
    assert agreement(page, painter) >= 0.99


def test_the_picture_on_the_canvas_is_the_picture(painter, page):
    for factor in (1, 3, 12):
        painter.fit()
        painter.see(painter._scene.viewport.zoomed(factor, (400, 300)))
        view = painter._scene.viewport
        shown = page.layers(painter)[0]
        left, top, right, bottom = view.visible
        errors = []
        for column, row in itertools.product(
            np.linspace(left + 2, right - 3, 9, dtype=int),
            np.linspace(top + 2, bottom - 3, 9, dtype=int),
        ):
            x, y = (int(place) for place in view.to_canvas(column + 0.5, row + 0.5))
            near = PHOTO[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3) / 255
            low, high = near.min(axis=0) - 0.06, near.max(axis=0) + 0.06
            errors.append(((shown[y, x, :3] < low) | (shown[y, x, :3] > high)).any())
        assert np.mean(errors) < 0.05


def test_single_pixels_are_crisp_when_near(painter, page):
    painter.see(painter._scene.viewport.zoomed(100, (400, 300)))
    view = painter._scene.viewport
    shown = page.layers(painter)[0][:, :, :3]
    x, y = view.canvas[0] // 2, view.canvas[1] // 2
    column, row = (int(place) for place in view.to_picture(x + 0.5, y + 0.5))
    assert np.abs(shown[y, x] - PHOTO[row, column] / 255).max() < 0.005


def test_moving_sends_pictures_only_when_it_has_settled(painter, page, hand):
    async def zoom() -> None:
        hand.move(250, 200)
        await asyncio.sleep(0.1)
        page.batches.clear()
        hand.wheel(0, -60)
        hand.wheel(0, -60)
        await asyncio.sleep(0.5)

    painter.rectangle((200, 150, 300, 250))
    asyncio.run(zoom())
    names = [[name for _, name, _ in batch] for batch in page.batches]
    assert "putImageData" not in names[0]
    assert page.commands("setTransform")[0][0] > 1.1
    assert names[-1].count("putImageData") == 2
    assert page.commands("setTransform")[-1][0] == 1
    assert agreement(page, painter) >= 0.99


@pytest.mark.parametrize("size", [(64, 64), (1, 700), (3000, 40), (4000, 4000)])
def test_pictures_of_all_sizes(size, open_page):
    painter = MaskPainter(Image.linear_gradient("L").resize(size))
    page = open_page()
    view = painter._scene.viewport
    assert 0.1e6 < view.canvas[0] * view.canvas[1] <= 1e6
    assert max(size[0] * view.scale / view.canvas[0], size[1] * view.scale / view.canvas[1]) > 0.6
    painter.rectangle((0, 0, size[0] * 0.6, size[1]))
    assert agreement(page, painter) >= (0.99 if min(size) > 40 else 0.8)
    assert max(page.sizes) < 600_000


@pytest.mark.parametrize("opacity", [0.2, 0.7])
def test_opacity_never_accumulates(opacity, painter, page, hand):
    painter.overlay_opacity = opacity
    for _ in range(4):
        hand.drag([(100, 200), (300, 200), (100, 210)])
    alpha = page.layers(painter)[1][:, :, 3]
    assert alpha.max() == pytest.approx(opacity, abs=0.01)
    painter.overlay_opacity = 0.4
    alpha = page.layers(painter)[1][:, :, 3]
    assert alpha.max() == pytest.approx(0.4, abs=0.01)


def test_the_colour_can_change_afterwards(painter, page):
    painter.rectangle((100, 100, 300, 300))
    x, y = map(round, painter._scene.viewport.to_canvas(200, 200))
    assert page.layers(painter)[1][y, x, :3] * 2 == pytest.approx(RED, abs=0.01)
    painter.overlay_color = "lime"
    assert painter.overlay_color == "#00ff00"
    assert page.layers(painter)[1][y, x, :3] * 2 == pytest.approx([0, 1, 0], abs=0.01)


def test_soft_masks_show_soft(painter, page):
    painter.rectangle((100, 100, 400, 300))
    painter.feather(40)
    view = painter._scene.viewport
    x, y = map(round, view.to_canvas(110.5, 200.5))
    alpha = page.layers(painter)[1][y, x, 3] / painter.overlay_opacity
    assert alpha == pytest.approx(painter.mask.array[200, 110] / 255, abs=0.03)
    assert 0.1 < alpha < 0.9


@pytest.mark.parametrize("ground", [0, 255])
def test_the_outline_stands_out_on_any_ground(ground, open_page):
    painter = MaskPainter(Image.new("RGB", SIZE, (ground, ground, ground)))
    painter.show = "outline"
    painter.ellipse((100, 100, 400, 300))
    page = open_page()
    seen = np.abs(page.seen(painter)[:, :, 0] - ground / 255)
    x, y = map(round, painter._scene.viewport.to_canvas(250, 200))
    inside = seen[y, x - 20 : x + 20]
    line = seen[y, : x - 20].max()
    assert inside.max() < 0.05
    assert line > 0.7
    painter.rectangle((200, 0, 300, 400))  # changes the lines around and inside it
    twin = open_page()
    assert np.abs(page.seen(painter) - twin.seen(painter)).max() < 0.01


def test_ways_of_showing(painter, page, hand):
    painter.rectangle((100, 100, 300, 300))
    x, y = map(round, painter._scene.viewport.to_canvas(200, 200))
    u, v = map(round, painter._scene.viewport.to_canvas(400, 200))
    hand.key("v")
    assert painter.show == "outline"
    assert page.layers(painter)[1][y, x, 3] == 0
    hand.key("v")
    assert painter.show == "mask"
    assert page.seen(painter)[y, x].tolist() == [1, 1, 1]
    assert page.seen(painter)[v, u].tolist() == [0, 0, 0]
    hand.key("v")
    assert painter.show == "picture"
    assert not page.layers(painter)[1].any()
    hand.key("v")
    assert agreement(page, painter) >= 0.99


@pytest.mark.parametrize("show", ["outline", "mask", "picture"])
def test_ink_is_seen_whatever_is_shown(show, painter, page, hand):
    painter.show = show
    before = page.seen(painter)
    hand.down(100, 100)
    hand.move(300, 100)
    assert np.abs(page.seen(painter) - before).max() > 0.2
    hand.up(300, 100)
    assert painter.coverage > 0
    if show == "picture":
        assert np.abs(page.seen(painter) - before).max() < 0.01


def test_peek(painter, page):
    painter.rectangle((0, 0, 500, 400))
    bare = page.layers(painter)[0].copy()
    painter.peek = True
    assert not page.layers(painter)[1].any()
    assert (page.layers(painter)[0] == bare).all()
    painter.after = Image.new("RGB", SIZE, (0, 0, 255))
    x, y = map(round, painter._scene.viewport.to_canvas(200, 200))
    assert page.seen(painter)[y, x] == pytest.approx([0, 0, 1], abs=0.03)
    painter.peek = False
    assert np.abs(page.layers(painter)[0] - bare).max() < 0.01
    assert agreement(page, painter) >= 0.99
    with pytest.raises(InvalidImage, match="10 x 10 px, this one 500 x 400"):
        painter.after = Image.new("RGB", (10, 10))


def test_marks_of_a_polygon(painter, page, hand):
    painter.tool = "polygon"
    hand.click(100, 100)
    hand.move(200, 300)
    assert painter.is_open
    drawn = marks(page, painter)
    x, y = map(round, painter._scene.viewport.to_canvas(150, 200))
    near = drawn[y - 4 : y + 5, x - 4 : x + 5]
    opaque = near[near[:, :, 3] > 0.5]
    # Dark and light lines beside each other.
    assert opaque[:, :3].min() < 0.1
    assert opaque[:, :3].max() > 0.9
    hand.click(200, 300)
    hand.click(300, 100)
    painter.close_shape()
    assert not painter.is_open
    assert painter.mask.array[150, 200] == 255
    assert not marks(page, painter).any()
    hand.click(100, 100)
    painter.tool = "brush"
    assert not painter.is_open
    assert not marks(page, painter).any()


def test_a_large_brush_is_a_ring_on_the_canvas(painter, page, hand):
    painter.brush_size = 40
    hand.move(200, 200)
    assert not marks(page, painter).any()
    painter.brush_size = 250
    assert marks(page, painter).any()
    before = len(page.batches)
    hand.out(-50, 200)
    assert not marks(page, painter).any()
    assert len(page.batches) == before + 1
    hand.move(200, 200)
    for _ in range(3):
        painter.zoom_out()
    assert not marks(page, painter).any()


# ------------------------------------------------------------------------------ pages


def test_nothing_is_drawn_for_nobody(open_page):
    page = open_page()
    painter = MaskPainter(PHOTO)
    painter.brush(TRIANGLE)
    assert page.batches == []
    page.answer()
    assert len(page.batches) == 1
    assert agreement(page, painter) >= 0.99


def test_reloads_and_second_tabs_show_the_same(painter, page, hand, open_page):
    hand.drag(TRIANGLE)
    painter.zoom_in()
    seen = page.seen(painter)
    second = open_page()
    assert (second.seen(painter) == seen).all()
    assert (page.seen(painter) == seen).all()
    hand.drag([(200, 200), (300, 200)])
    assert (second.seen(painter) == page.seen(painter)).all()
    page.close()
    hand.drag([(200, 230), (300, 230)])
    reloaded = open_page()
    hand.drag([(200, 260), (300, 260)])
    assert reloaded.dead is None
    assert second.dead is None
    assert np.abs(reloaded.seen(painter) - second.seen(painter)).max() < 0.01
    assert agreement(reloaded, painter) >= 0.99


def test_a_page_that_comes_in_the_middle_of_a_stroke_sees_it(painter, page, hand, open_page):
    hand.down(100, 100)
    hand.move(300, 200)
    second = open_page()
    assert filled_on_canvas(second, painter).any()
    assert (filled_on_canvas(second, painter) == filled_on_canvas(page, painter)).all()


def test_every_batch_names_its_first_canvas_and_ends_on_the_beacon(painter, page, hand):
    hand.drag(TRIANGLE)
    painter.zoom_in()
    painter.show = "outline"
    beacon = painter._view._beacon.model_id
    assert len(page.batches) > 3
    for batch in page.batches:
        assert batch[0][1] == "switchCanvas"
        assert batch[-1][0] == beacon


def test_two_painters_do_not_disturb_each_other(painter, page, hand, open_page):
    other = MaskPainter(PHOTO[:200, :200])
    page.answer()
    second = Pointer(other)
    hand.down(100, 100)
    second.down(50, 50)
    hand.move(200, 100)
    second.move(100, 100)
    second.up(100, 100)
    hand.up(200, 100)
    assert len(painter.log) == len(other.log) == 1
    assert agreement(page, painter) >= 0.99
    assert agreement(page, other) >= 0.99


def test_another_picture_is_another_mask_for_whoever_observes(painter):
    seen = []
    painter.observe(lambda change: seen.append(painter.size), "mask_version")
    painter.image = Image.new("RGB", (80, 60))
    assert seen == [(80, 60)]


def test_two_painters_of_one_painting(painter, page, hand, open_page):
    other = MaskPainter(painter.painting, width=400)
    page.answer()
    before = painter.mask_version, other.mask_version
    hand.drag(TRIANGLE)
    assert other.mask == painter.mask
    assert (painter.mask_version, other.mask_version) == (before[0] + 1, before[1] + 1)
    assert agreement(page, other) >= 0.99
    Pointer(other).key("z", ctrl=True)
    assert not painter.can_undo
    assert not filled_on_canvas(page, painter).any()
    with pytest.raises(InvalidOption):
        MaskPainter(painter.painting, painter.mask)


def test_another_picture_begins_anew(painter, page, hand):
    hand.drag(TRIANGLE)
    painter.after = PHOTO
    old = painter._view
    painter.image = Image.new("RGB", (300, 600), "navy")
    page.answer()
    assert painter.size == (300, 600)
    assert not painter.can_undo
    assert painter.mask.is_empty
    assert painter.after is None
    assert painter.brush_size == 15
    hand.drag([(100, 100), (200, 500)])
    assert agreement(page, painter) >= 0.99
    assert old._pad.comm is None


# ------------------------------------------------------------------------------ what goes wrong


def test_a_tool_that_fails_is_told_and_painting_goes_on(painter, page, hand, caplog):
    def broken(image: object, mask: object, points: list[tuple[float, float]]) -> object:
        return [][len(points)]

    painter.add_tool("broken", broken)
    painter.tool = "broken"
    with caplog.at_level(logging.ERROR, "fluxfill_nb.widgets"):
        hand.click(100, 100)
    assert painter.error == "The tool 'broken' failed: IndexError: list index out of range"
    assert caplog.records[-1].exc_info is not None
    painter.tool = "brush"
    hand.drag(TRIANGLE)
    assert painter.error == ""
    assert agreement(page, painter) >= 0.99


def test_an_observer_that_fails_is_told(painter, page, hand):
    painter.observe(lambda change: 1 / 0, "mask_version")
    hand.drag(TRIANGLE)
    assert painter.error == "ZeroDivisionError: division by zero"
    hand.drag([(50, 50), (60, 60)])
    assert len(painter.log) == 2
    assert agreement(page, painter) >= 0.99


def test_a_draw_that_fails_is_made_up_for(painter, page, hand, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setattr(Image.Image, "save", lambda *_, **__: 1 / 0)
        hand.drag(TRIANGLE)
    assert painter.error == "ZeroDivisionError: division by zero"
    assert len(painter.log) == 1
    other = Canvas(width=10, height=10)
    page.answer()
    other.fill_rect(0, 0, 10, 10)
    assert page.surfaces[other.model_id].pixels.any()
    hand.drag([(300, 300), (310, 310)])
    assert agreement(page, painter) >= 0.99


def test_what_cannot_be_sent_stops_nothing(painter, page, hand):
    with pytest.raises(TypeError), painter._view._batch():
        painter._view._beacon.fill_rect(object(), 0, 1)
    hand.drag(TRIANGLE)
    assert agreement(page, painter) >= 0.99


def test_canvases_of_others_can_hold_their_drawing(painter, page, hand):
    other = Canvas(width=10, height=10)
    page.answer()
    with hold_canvas():
        other.fill_rect(0, 0, 5, 10)
        hand.drag(TRIANGLE)
        before = len(page.batches)
        other.fill_rect(5, 0, 5, 10)
        assert len(page.batches) == before
    assert page.surfaces[other.model_id].pixels[:, :, 3].all()
    assert agreement(page, painter) >= 0.99


@pytest.mark.parametrize("x", [None, float("nan"), float("inf")])
def test_places_that_are_none_are_passed_over(x, painter, page, hand):
    hand.down(100, 100)
    hand.event("mouse_move", x=x, y=100.0)
    hand.event("touch_move", touches=[{"x": x, "y": 2.0}])
    hand.up(200, 100)
    assert painter.error == ""
    assert len(painter.log) == 1


def test_many_threads_at_once(painter, page, hand, open_page):
    """Cells in one thread, pages in others: masks, logs and canvases stay whole."""
    other = MaskPainter(painter.painting, width=500)
    page.answer()
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)

        def point() -> tuple[float, float]:
            return chance.uniform(0, 500), chance.uniform(0, 400)

        try:
            mine = (painter, other)[seed % 2]
            for _ in range(4):
                if seed < 2:
                    Pointer(mine).drag([point(), point(), point()])
                elif seed < 4:
                    mine.brush([point(), point()], size=30)
                    mine.undo()
                else:
                    mine.zoom_in()
                    mine.overlay_opacity = chance.uniform(0.1, 1)
                    mine.fit()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert painter.error == other.error == ""
    assert painter.log.replay(painter.image) == painter.mask
    painter.overlay_opacity = other.overlay_opacity = 0.5
    assert agreement(page, painter) >= 0.99
    assert agreement(page, other) >= 0.99


def test_a_mouse_of_1000_hertz(painter, page, hand):
    """Moves are cheap, and draws are as many as frames, however many moves there are."""

    async def stroke() -> tuple[float, list[float]]:
        hand.down(100, 200)
        before = len(page.batches)
        begun = time.perf_counter()
        costs = []
        for step in range(500):
            start = time.perf_counter()
            hand.move(100 + step * 0.6, 200 + 50 * np.sin(step / 20))
            costs.append(time.perf_counter() - start)
            await asyncio.sleep(0.0005)
        seconds = time.perf_counter() - begun
        assert len(page.batches) - before <= seconds / 0.025 + 2
        hand.up(400, 200)
        await asyncio.sleep(0.05)
        return seconds, costs

    _, costs = asyncio.run(stroke())
    assert np.median(costs) < 0.001
    assert len(painter.log) == 1
    assert agreement(page, painter) >= 0.99


def test_a_closed_painter_draws_no_more(painter, page, hand):
    hand.drag(TRIANGLE)
    other = MaskPainter(PHOTO)
    page.answer()
    before = len(page.batches)
    painting = painter.painting
    painter.close()
    painting.invert()
    assert len(page.batches) == before
    Pointer(other).drag(TRIANGLE)
    assert agreement(page, other) >= 0.99


def test_canvases_outlive_what_is_drawn_on_them(painter, page, hand):
    """A page that still draws must find the canvases; closing at once would stop all drawing."""

    async def close() -> bool:
        pad = painter._view._pad
        painter.close()
        await asyncio.sleep(0.05)
        return pad.comm is not None

    assert asyncio.run(close())


def test_after_all_widgets_are_closed_new_painters_work(painter, page):
    Widget.close_all()
    again = MaskPainter(PHOTO)
    page.answer()
    Pointer(again).drag(TRIANGLE)
    assert agreement(page, again) >= 0.99


# ------------------------------------------------------------------------------ keys


def blurred(page: Page, painter: MaskPainter) -> int:
    return page.said.count((painter._view._pad.model_id, {"do": "blur"}))


@pytest.mark.parametrize("key", ["Tab", "F5", "q", "Escape", "ArrowDown"])
def test_keys_of_the_page_are_given_back(key, painter, page, hand):
    hand.key(key)
    assert blurred(page, painter) == 1


def test_commands_of_the_page_are_given_back(painter, page, hand):
    hand.key("s", ctrl=True)
    hand.key("b", meta=True)
    assert blurred(page, painter) == 2
    assert painter.tool == "brush"


def test_the_keyboard_goes_back_when_the_pointer_leaves(painter, page, hand):
    hand.move(100, 100)
    hand.out(-40, 100)
    assert blurred(page, painter) == 0  # it has never had the keys
    hand.click(100, 100)
    hand.out(-40, 100)
    hand.out(-40, 100)
    assert blurred(page, painter) == 1


def test_shortcuts(painter, page, hand):
    for key, tool in [("e", "eraser"), ("L", "line"), ("r", "rectangle"), ("o", "ellipse"),
                      ("a", "lasso"), ("p", "polygon"), ("f", "fill"), ("w", "wand"),
                      ("h", "pan"), ("b", "brush")]:  # fmt: skip
        hand.key(key)
        assert painter.tool == tool
        assert painter.hint
    hand.key("x")
    assert painter.tool == "eraser"
    hand.key("i")
    assert painter.coverage == 1
    for modifier in ("Control", "Shift", "Meta"):
        hand.key(modifier)
    hand.key("z", meta=True)
    assert painter.coverage == 0
    hand.key("Z", ctrl=True, shift=True)
    assert painter.coverage == 1
    size = painter.brush_size
    hand.key("]")
    assert painter.brush_size > size
    hand.key("[")
    assert painter.brush_size == pytest.approx(size, abs=1)
    fit = painter.zoom
    for key, factor in [("+", 1.5), ("-", 1), ("=", 1.5), ("0", 1)]:
        hand.key(key)
        assert painter.zoom == pytest.approx(fit * factor)
    hand.key("1")
    assert painter.zoom == 1
    assert blurred(page, painter) == 0


def test_the_brush_has_bounds(painter, hand):
    painter.brush_size = 2
    for _ in range(4):
        hand.key("[")
    assert painter.brush_size == 1
    painter.brush_size = 990
    for _ in range(4):
        hand.key("]")
    assert painter.brush_size == 1000


def test_undo_takes_back_what_is_under_way_first(painter, hand):
    painter.rectangle((0, 0, 10, 10))
    painter.tool = "polygon"
    hand.click(100, 100)
    hand.click(200, 100)
    hand.key("z", ctrl=True)
    assert painter.is_open
    assert painter.can_undo
    hand.click(200, 200)
    hand.click(100, 200)
    hand.key("Enter")
    assert painter.mask.array[180, 120] == 255
    hand.key("z", ctrl=True)
    assert painter.bbox == (0, 0, 10, 10)


def test_scrolling_lets_the_page_have_the_pointer(painter, page):
    painter.scrolling = True
    assert "ffnb-through" in page.models[painter._view._pad.model_id]["_dom_classes"]
    painter.scrolling = False
    assert "ffnb-through" not in page.models[painter._view._pad.model_id]["_dom_classes"]


# ------------------------------------------------------------------------------ plugged-in tools


@pytest.mark.parametrize("gesture", ["click", "clicks", "stroke", "box"])
def test_plugged_in_tools_get_their_points(gesture, painter, page, hand):
    calls = []

    def tool(image: Any, mask: Any, points: Any) -> Any:
        calls.append(points)
        assert image.shape == (400, 500, 3)
        mask[:100] = 255
        image[:] = 0
        return mask

    painter.add_tool("mine", tool, gesture=gesture, tooltip="Mine")
    painter.tool = "mine"
    if gesture == "clicks":
        by_clicks(hand, TRIANGLE)
    elif gesture == "click":
        hand.click(*TRIANGLE[0])
    else:
        hand.drag(TRIANGLE[::2])
    (points,) = calls
    assert points[0] == pytest.approx(TRIANGLE[0], abs=0.5)
    assert len(points) == {"click": 1, "clicks": 3, "stroke": len(points), "box": 2}[gesture]
    assert painter.bbox == (0, 0, 500, 100)
    assert np.asarray(painter.image).any()
    (operation,) = painter.log
    assert isinstance(operation, Load)
    assert operation.made_by == "mine"
    assert agreement(page, painter) >= 0.99


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda shape: np.zeros((3, 3), bool), "3 x 3 px for a picture of 500 x 400"),
        (lambda shape: ff.Mask.empty((4, 4)), "4 x 4 px for a picture of 500 x 400"),
        (lambda shape: None, "gave a NoneType of shape ()"),
        (lambda shape: np.zeros((*shape, 3), np.uint8), "of shape (400, 500, 3)"),
        (lambda shape: np.full(shape, 7), "gave no mask: The array (int64, 7 to 7) looks like"),
        (lambda shape: np.full(shape, np.nan), "gave no mask: "),
    ],
)
def test_what_plugged_in_tools_give_is_checked(result, message, painter, hand):
    painter.add_tool("odd", lambda image, mask, points: result(mask.shape))
    painter.tool = "odd"
    hand.click(100, 100)
    assert painter.error.startswith("The tool 'odd' ")
    assert message in painter.error
    assert len(painter.log) == 0
    with pytest.raises(InvalidMask, match="'odd'"):
        painter.use_tool("odd", [(1, 2)])


def test_tools_are_checked_when_they_are_added(painter):
    with pytest.raises(InvalidOption, match="'brush' already"):
        painter.add_tool("brush", lambda image, mask, points: mask)
    with pytest.raises(InvalidOption, match="give a function"):
        painter.add_tool("mine", "no function")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="choose from click, clicks, stroke, box"):
        painter.add_tool("mine", print, gesture="wave")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="name is ''"):
        painter.add_tool("", print)
    with pytest.raises(InvalidOption, match="no tool 'mine'"):
        painter.tool = "mine"
    with pytest.raises(InvalidOption, match="plugged in"):
        painter.use_tool("brush", [])
    painter.add_tool("mine", print)
    painter.add_tool("mine", lambda image, mask, points: ~mask)
    assert [tool.name for tool in painter.tools].count("mine") == 1


# ------------------------------------------------------------------------------ what is kept


def test_the_log_repeats_what_was_painted(painter, hand):
    hand.drag(TRIANGLE)
    painter.tool = "rectangle"
    hand.drag(TRIANGLE[:2])
    painter.feather(5)
    again = MaskPainter(PHOTO)
    exec(painter.log.to_code(), {"painter": again})
    assert again.mask == painter.mask
    assert again.log == painter.log


def test_files(painter, tmp_path):
    painter.ellipse((10, 20, 200, 300))
    painter.feather(10)
    painter.save(tmp_path / "mask.png")
    again = MaskPainter(PHOTO)
    again.load(tmp_path / "mask.png")
    assert again.mask == painter.mask


def test_a_picture_stands_in_where_widgets_do_not_run(painter):
    painter.rectangle((0, 0, 250, 400))
    bundle = painter._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == painter.model_id
    png = bundle["image/png"]
    assert len(base64.b64encode(png)) < 120_000
    with Image.open(io.BytesIO(png)) as picture:
        assert max(picture.size) == 480
        rgb = np.asarray(picture.convert("RGB"), float)
    small = np.asarray(Image.fromarray(PHOTO).resize((480, 384)), float)
    assert np.abs(rgb - small)[20:-20, 260:].mean() < 8
    assert np.abs(rgb - small)[20:-20, 10:220].mean() > 30


def test_the_saved_state_is_small_and_has_no_pictures(open_page):
    def state() -> int:
        total = 0
        for widget in _instances.values():
            kept = widget.get_state(drop_defaults=True)
            assert not kept.get("image_data")
            assert not kept.get("sync_image_data")
            assert kept.get("_model_name") != "ImageModel"
            total += len(repr(kept))
        return total

    nothing = state()
    painter = MaskPainter(np.random.default_rng(0).integers(0, 255, (1000, 1500, 3), np.uint8))
    open_page()
    before = state() - nothing
    Pointer(painter).drag([(100, 100), (900, 400), (300, 800)])
    painter.invert()
    assert before < 120_000
    assert state() - nothing - before < 500


def test_a_painter_says_what_is_wrong_with_what_it_is_given(open_page):
    with pytest.raises(InvalidOption, match="240 to 2000"):
        MaskPainter(PHOTO, width=10)
    with pytest.raises(InvalidMask, match="3 x 3 px, the picture 500 x 400"):
        MaskPainter(PHOTO, ff.Mask.empty((3, 3)))
    painter = MaskPainter(PHOTO)
    with pytest.raises(InvalidOption, match="'blurple' is no colour"):
        painter.overlay_color = "blurple"
    with pytest.raises(InvalidOption, match="max_side"):
        painter.preview(0)
    assert repr(painter) == "<MaskPainter 500 x 400, fills nothing>"


# ------------------------------------------------------------------------------ parts


@given(
    st.floats(0.05, 20),
    st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
    st.lists(st.tuples(st.integers(-9, 90), st.integers(-9, 70)), min_size=2, max_size=2),
    st.sampled_from(["mask", "outline"]),
)
@example(1.5, (0.0, 0.0), [(0, 0), (1, 1)], "outline")
def test_patches_have_no_seams(scale, place, corners, kind):
    """The mask before, with the patch of what changed, is the mask after."""
    view = Viewport((80, 60), (160, 120), scale, *place)
    before = ff.Mask.from_ellipse((80, 60), (5, 5, 60, 50)).feather(4).array
    (x0, y0), (x1, y1) = corners
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    clipped = tuple(min(max(edge, 0), side) for edge, side in zip(box, (80, 60) * 2, strict=True))
    after = before.copy()
    inside = np.s_[clipped[1] : clipped[3], clipped[0] : clipped[2]]
    after[inside] = 255 - after[inside]

    def render(array: NDArray[np.uint8], part: Any, onto: NDArray[np.uint8]) -> NDArray[np.uint8]:
        def pixels(area: Any) -> NDArray[np.uint8]:
            return array[area[1] : area[3], area[0] : area[2]].copy()

        if kind == "mask":
            patch = render_mask(pixels, view, part, "#102030")
        else:
            patch = render_outline(pixels, view, part)
        onto = onto.copy()
        if patch is not None:
            with Image.open(io.BytesIO(patch.file)) as image:
                onto[patch.top : patch.bottom, patch.left : patch.right] = image.convert("RGBA")
        return onto

    empty = np.zeros((120, 160, 4), np.uint8)
    whole = (0, 0, 80, 60)
    patched = render(after, clipped, render(before, whole, empty))
    difference = np.abs(patched.astype(int) - render(after, whole, empty))[:, :, 3]
    assert difference.max() <= 1


@given(st.floats(0.01, 32), st.floats(-500, 500), st.floats(-500, 500))
def test_pictures_are_rendered_from_any_viewport(scale, x, y):
    size = (90, 31)
    patch = Pyramid(Image.new("RGB", size, (9, 99, 199))).render(
        Viewport(size, (160, 120), scale, x, y)
    )
    if patch is not None:
        with Image.open(io.BytesIO(patch.file)) as image:
            assert image.size == (patch.right - patch.left, patch.bottom - patch.top)
            assert np.abs(np.asarray(image.convert("RGB"), int) - (9, 99, 199)).max() < 5


@pytest.mark.parametrize("diameter", [3, 20, 90, LARGEST])
@pytest.mark.parametrize("width", [700, 640, 555, 420, 300, 220])
def test_the_ring_is_as_large_as_the_brush_on_narrow_pages(diameter, width):
    css = pointer_css(".pad", diameter, 720, "crosshair")
    rules = re.split(r"@container ", css)
    chosen = rules[0]
    for rule in rules[1:]:  # a later rule that applies wins
        if width <= float(re.match(r"\(max-width:(\d+)px\)", rule)[1]):
            chosen = rule
    dark, light = (float(radius) for radius in re.findall(r" r='([\d.]+)'", chosen))
    meant = diameter * width / 720
    middle = (dark + light) if diameter > 12 else 2 * light
    assert middle == pytest.approx(meant, rel=0.08, abs=1)
    side = int(re.search(r"width='(\d+)'", chosen)[1])
    assert side <= 128
    assert "#" not in chosen.split("data:")[1].split('"')[0]


def test_no_ring_beyond_what_browsers_take():
    assert pointer_css(".pad", LARGEST + 1, 720, "crosshair") == ".pad{cursor:crosshair}"
    assert pointer_css(".pad", None, 720, "grab") == ".pad{cursor:grab}"


def test_throttle_is_at_once_and_once_more():
    async def ask() -> list[float]:
        begun = time.monotonic()
        done: list[float] = []
        throttle = Throttle(lambda: done.append(time.monotonic() - begun), 0.05)
        throttle()
        for _ in range(10):
            await asyncio.sleep(0.001)
            throttle()
        await asyncio.sleep(0.15)
        return done

    first, second = asyncio.run(ask())
    assert first < 0.02
    assert 0.04 < second < 0.12


def test_throttle_that_waits_first():
    async def ask() -> int:
        done: list[None] = []
        throttle = Throttle(lambda: done.append(None), 0.05, leading=False)
        throttle()
        throttle()
        assert done == []
        await asyncio.sleep(0.1)
        return len(done)

    assert asyncio.run(ask()) == 1


def test_throttle_without_a_loop_or_with_one_that_is_held_up():
    done: list[None] = []
    throttle = Throttle(lambda: done.append(None), 0.02)
    throttle()
    throttle()
    assert len(done) == 2

    async def compute() -> None:
        throttle()
        before = len(done)
        time.sleep(0.03)  # a cell that computes: the timer is overdue
        throttle()
        assert len(done) == before + 1

    asyncio.run(compute())


def test_a_painter_of_a_painting_takes_its_history():
    painting = Painting(PHOTO)
    painting.rectangle((0, 0, 10, 10))
    assert MaskPainter(painting).can_undo


def test_zoom_is_assigned(painter, page):
    painter.zoom = 2.5
    assert painter._scene.viewport.scale == painter.zoom == 2.5
    painter.zoom = 1000
    assert painter.zoom == painter._scene.viewport.scale == 32
    painter.fit()
    assert painter.zoom == painter._scene.viewport.scale < 2.5


@pytest.mark.parametrize(
    "given",
    [{"image": "nowhere.png"}, {"mask": ff.Mask.full((3, 3))}, {"width": 3}],
    ids=["image", "mask", "width"],
)
def test_what_cannot_be_made_leaves_nothing_on_the_page(given):
    MaskPainter(PHOTO).close()  # what is shared is there from now on
    before = set(_instances)
    with pytest.raises(ValueError):  # noqa: PT011
        MaskPainter(**{"image": PHOTO} | given)
    assert set(_instances) == before
