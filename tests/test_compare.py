"""The comparer without a browser: what a page is sent, and what comes of what it tells."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets import Button, Dropdown, IntSlider, ToggleButton, Widget
from ipywidgets.widgets.widget import _instances
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption
from fluxfill_nb.showing import difference_colours
from fluxfill_nb.widgets.compare import Compare
from fluxfill_nb.widgets.compare import compare as module
from fluxfill_nb.widgets.compare.compared import Compared, difference
from fluxfill_nb.widgets.compare.sight import GAP, MODES, Sight
from tests.front_end import Page, Pointer
from tests.widgets import find, widgets

SIZE = (500, 400)
BEFORE = Image.fromarray(data.astronaut()[:400, :500])
AFTER = Image.fromarray(data.coffee()[:400, :500])
THIRD = Image.new("RGB", SIZE, "#306090")
MASK = ff.Mask.from_ellipse(SIZE, (150, 100, 350, 300))


class Hand(Pointer):
    """A person at a page, who points in canvas px."""

    def place(self, point: tuple[float, float]) -> dict[str, float]:
        return {"x": point[0], "y": point[1]}


@pytest.fixture
def compare(open_page: Callable[[], Page]) -> Compare:
    return Compare(BEFORE, AFTER, THIRD, labels=["one", "two", "three"], mask=MASK, width=360)


@pytest.fixture
def page(compare: Compare, open_page: Callable[[], Page]) -> Iterator[Page]:
    page = open_page()
    yield page
    assert page.dead is None


@pytest.fixture
def hand(compare: Compare, page: Page) -> Hand:
    return Hand(compare)


def expected(image: Image.Image, compare: Compare) -> NDArray[np.float32]:
    """What a pane shows of a picture, RGB, 0 to 1; NaN beyond it and at its edges."""
    view = compare.sight.viewport
    width, height = view.canvas
    left, top = view.to_picture(0, 0)
    box = (1 / view.scale, 0, left, 0, 1 / view.scale, top)
    small = image
    if view.scale < 1:  # as a filter sees it
        small = image.resize([round(side * view.scale) for side in image.size])
        box = (1, 0, -view.x, 0, 1, -view.y)
    shown = small.transform((width, height), Image.Transform.AFFINE, box, Image.Resampling.BILINEAR)
    values = np.asarray(shown, np.float32) / 255
    x, y = np.arange(width) + 0.5 - view.x, np.arange(height) + 0.5 - view.y
    inside = [
        (place > 2) & (place < side * view.scale - 2)
        for place, side in ((y, image.height), (x, image.width))
    ]
    return np.where(np.logical_and.outer(*inside)[:, :, None], values, np.nan)


def apart(seen: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The mean difference where there is picture, 0 to 1."""
    known = ~np.isnan(wanted)
    assert known.mean() > 0.2
    return float(np.abs(seen - wanted)[known].mean())


def above(page: Page, compare: Compare) -> NDArray[np.float32]:
    """What lies over the layers."""
    return page.surfaces[compare._view._above[0].model_id].pixels[:, :, :3]


def sheet(page: Page, compare: Compare) -> str:
    return str(page.models[compare._view._sheet.model_id]["value"])


def tags(page: Page, compare: Compare) -> str:
    return str(page.models[compare._view._tags.model_id]["value"])


def parts(within: Widget, kind: type[Widget]) -> Iterator[Any]:
    return (each for each in widgets(within) if isinstance(each, kind))


def button(compare: Compare, label: str) -> Any:
    return find(compare, label, (Button, ToggleButton))


# ------------------------------------------------------------------------------ what is seen

FAR = 22  # from the divider's handle, canvas px


def assert_swiped(page: Page, compare: Compare, line: float) -> None:
    seen, line = page.seen(compare), round(line)
    one, other = (expected(image, compare) for image in compare.images)
    if line > 2 * FAR:
        assert apart(seen[:, : line - FAR], one[:, : line - FAR]) < 0.02
    if line < seen.shape[1] - 2 * FAR:
        assert apart(seen[:, line + FAR :], other[:, line + FAR :]) < 0.02


@pytest.mark.parametrize("divider", [0.0, 0.2, 0.5, 1.0])
def test_left_of_the_divider_is_the_one_and_right_of_it_the_other(divider, compare, page):
    compare.divider = divider
    assert_swiped(page, compare, divider * compare.sight.canvas[0])
    # What tells them apart is much more than what tells a picture from how it is shown.
    assert apart(expected(BEFORE, compare), expected(AFTER, compare)) > 0.2


def test_the_divider_is_seen_where_it_is(compare, page):
    compare.divider = 0.3
    seen, line = page.seen(compare), compare.sight.line
    assert (seen[:40, line - 1 : line + 1] > 0.98).all()
    fine = compare.sight.canvas[0] / 360
    assert (seen[:40, line - round(2 * fine)] < 0.2).all()


def assert_side_by_side(page: Page, compare: Compare) -> None:
    seen, panes = page.seen(compare), compare.sight.panes
    for image, (left, top, right, bottom) in zip(compare.images, panes, strict=True):
        assert apart(seen[top:bottom, left:right], expected(image, compare)) < 0.02
    assert panes[1][0] - panes[0][2] == GAP
    assert not page.layers(compare)[0][:, panes[0][2] : panes[1][0]].any()


def test_side_by_side(compare, page):
    compare.mode = "side"
    assert compare.sight.is_whole
    assert_side_by_side(page, compare)
    compare.zoom *= 3
    assert_side_by_side(page, compare)
    compare.see(compare.sight.viewport.moved(60, -30))
    assert_side_by_side(page, compare)


def test_what_flickers_lies_above(compare, page):
    compare.mode = "flicker"
    assert apart(page.seen(compare), expected(BEFORE, compare)) < 0.02
    assert apart(above(page, compare), expected(AFTER, compare)) < 0.02
    assert compare.playing
    compare.flicker_rate = 4
    # Two changes a period, and an end.
    assert "-on 0.500s step-end 60}" in sheet(page, compare)
    assert "prefers-reduced-motion:no-preference" in sheet(page, compare)
    compare.playing = False
    assert "animation" not in sheet(page, compare)
    assert ".ffnb-above{opacity:0}" in sheet(page, compare)
    compare.front = 1
    assert ".ffnb-above{opacity:1}" in sheet(page, compare)
    compare.mode = "swipe"
    assert ".ffnb-above{opacity:0}" in sheet(page, compare)
    assert not above(page, compare).any()


def test_flickering_ends_after_a_while(compare, page, monkeypatch):
    monkeypatch.setattr(module, "_FLICKERS", 1.0)

    async def watch() -> None:
        compare.mode = "flicker"
        assert compare.playing
        await asyncio.sleep(0.4)
        compare.flicker_rate = 3  # begins anew
        ends = compare._stop.when()
        while compare.playing:
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() > ends - 0.05

    asyncio.run(asyncio.wait_for(watch(), 20))
    assert "animation" not in sheet(page, compare)


@pytest.mark.parametrize("amplify", [1, 4, 16])
def test_the_difference_is_coloured_by_its_scale(amplify, compare, page):
    compare.mode, compare.amplify = "difference", amplify
    assert apart(page.seen(compare), expected(compare.difference(), compare)) < 0.06
    assert f"{round(255 / amplify)} of 255" in tags(page, compare)


def test_colours_of_differences():
    """Grey levels: each is where its amplified square root is among the colours."""
    levels = np.arange(256)
    ramp = np.repeat(levels[None, :, None], 3, axis=2).astype(np.uint8)
    black = np.zeros_like(ramp)
    for amplify in (1, 2, 5.5, 16):
        seen = np.asarray(difference(Image.fromarray(ramp), Image.fromarray(black), amplify))
        places = np.sqrt(np.minimum(levels * amplify / 255, 1)) * 255
        wanted = difference_colours()[places.round().astype(int)].astype(int)
        assert np.abs(seen[0] - wanted).max() <= 3
        assert (seen[0, 0] == difference_colours()[0]).all()
        assert (seen[0, 255] == difference_colours()[255]).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_masks_outline(mode, compare, page):
    compare.mode = mode
    view = compare.sight.viewport
    bare, bare_above = page.seen(compare), above(page, compare)
    compare.outlined = True
    marked = page.seen(compare)
    for left, *_ in compare.sight.panes:
        # Dark outside, light inside, and nothing anywhere else.
        column, row = (round(place) for place in view.to_canvas(150, 200))
        rim = slice(left + column - 3, left + column + 4)
        changed = np.abs(marked - bare).max(axis=2)[row, left : left + column + 30]
        assert changed[column - 3 : column + 4].max() > 0.2
        assert changed[: column - 8].max() < 0.01
        assert changed[column + 8 :].max() < 0.01
        assert marked[row, rim].max() > 0.98
        assert marked[row, rim].min() < 0.35
    assert (above(page, compare) != bare_above).any() == (mode == "flicker")
    compare.outlined = False
    assert (page.seen(compare) == bare).all()


def test_names_are_over_the_pictures(compare, page):
    assert ">one<" in tags(page, compare)
    assert ">two<" in tags(page, compare)
    compare.pair = ("three", "one")
    assert ">three<" in tags(page, compare)
    compare.mode = "difference"
    assert "three − one" in tags(page, compare)


def test_names_are_text(open_page):
    compare = Compare(BEFORE, AFTER, labels=["<img src=x onerror=alert(1)>", "b"])
    assert "<img" not in tags(open_page(), compare)


# ------------------------------------------------------------------------------ which pictures


def test_two_of_several(compare, page):
    compare.pair = (2, 0)
    assert_swiped(page, compare, compare.sight.line)
    compare.pair = ["two", "three"]
    assert compare.pair == (1, 2)
    assert_swiped(page, compare, compare.sight.line)
    compare.swap()
    assert compare.pair == (2, 1)
    assert_swiped(page, compare, compare.sight.line)
    first, second = parts(compare, Dropdown)
    assert (first.value, second.value) == (2, 1)
    first.value = 0
    assert compare.pair == (0, 1)


@pytest.mark.parametrize("pair", [(0,), (0, 3), (0, "four"), (-1, 0), (0, 1, 2)])
def test_pairs_that_are_none(pair, compare):
    with pytest.raises(InvalidOption, match=r"0 \(one\), 1 \(two\), 2 \(three\)"):
        compare.pair = pair
    assert compare.pair == (0, 1)


@pytest.fixture(scope="module")
def results() -> list[ff.FillResult]:
    request = ff.FillRequest(BEFORE, MASK, steps=15)
    with ff.connect("local", store=None) as client:
        return [client.wait(client.submit(request.replace(seed=seed))) for seed in (3, 4)]


def test_one_result_is_compared_with_its_original(results, open_page):
    compare = Compare(results[0])
    assert compare.labels == ("original", "fill")
    assert compare.pair == (0, 1)
    assert compare.mask == MASK
    original, fill = compare.images
    assert original.tobytes() == BEFORE.tobytes()
    assert fill.tobytes() == results[0].composited().tobytes()
    assert_swiped(open_page(), compare, compare.sight.line)


def test_results_come_after_their_original(results, open_page):
    compare = Compare(*results)
    assert compare.labels == ("original", "seed 3", "seed 4")
    assert compare.pair == (1, 2)
    assert compare.mask == MASK
    given_too = Compare(results[0], BEFORE, results[1])
    assert given_too.labels == ("seed 3", "picture 2", "seed 4")
    assert given_too.pair == (0, 1)


def test_results_are_named_by_what_differs(results):
    first, second = (
        replace(
            result,
            seed=7,
            task=replace(result.task, request=result.task.request.replace(guidance=guidance)),
        )
        for result, guidance in zip(results, (8, 4.5), strict=True)
    )
    assert Compared([first, second]).labels[1:] == ("guidance 8", "guidance 4.5")
    assert Compared([first, first]).labels[1:] == ("fill 1", "fill 2")


def test_results_with_several_masks_have_none(results):
    other = results[1].task.request.replace(mask=~MASK)
    task = replace(results[1].task, request=other)
    assert Compared([results[0], replace(results[1], task=task)]).mask is None


def test_what_came_back_in_another_size_is_resampled(results, open_page):
    buffer = io.BytesIO()
    results[0].raw.resize((320, 256)).save(buffer, "PNG")
    compare = Compare(replace(results[0], encoded=buffer.getvalue()))
    assert compare.images[1].size == SIZE
    alone = replace(results[0], task=replace(results[0].task, request=None))
    with pytest.raises(InvalidInput, match="original is known"):
        Compare(alone)
    assert Compare(alone, BEFORE).labels == ("fill", "picture 2")


def test_names_of_files(tmp_path, open_page):
    BEFORE.save(tmp_path / "before.png")
    AFTER.save(tmp_path / "after.png")
    compare = Compare(tmp_path / "before.png", str(tmp_path / "after.png"), np.asarray(THIRD))
    assert compare.labels == ("before.png", "after.png", "picture 3")
    twice = Compare(tmp_path / "before.png", tmp_path / "before.png")
    assert twice.labels == ("before.png (1)", "before.png (2)")


def test_what_cannot_be_compared(open_page):
    with pytest.raises(InvalidInput, match="give two pictures or more"):
        Compare(BEFORE)
    with pytest.raises(InvalidImage, match=r"'b' has 400 x 500 px, 'a' 500 x 400 px"):
        Compare(BEFORE, BEFORE.resize((400, 500)), labels=["a", "b"])
    with pytest.raises(InvalidInput, match="2 pictures .* and 1 labels"):
        Compare(BEFORE, AFTER, labels="before")
    with pytest.raises(InvalidInput, match="must differ"):
        Compare(BEFORE, AFTER, labels=["a", "a"])
    with pytest.raises(InvalidMask, match="turned"):
        Compare(BEFORE, AFTER, mask=ff.Mask.full((400, 500)))
    with pytest.raises(InvalidOption, match="width"):
        Compare(BEFORE, AFTER, width=100)
    with pytest.raises(InvalidMask, match="mask=mask"):
        Compare(BEFORE, AFTER).outlined = True


def test_little_is_kept_of_many(results, open_page):
    """Pictures that are not shown are not in memory, however many were looked at."""
    loose = [replace(result) for result in results * 3]
    compare = Compare(*loose, labels=[f"{number}" for number in range(7)])
    open_page()
    seen = []
    for place in range(6):
        compare.pair = (place, place + 1)
        seen += [weakref.ref(compare._compared.pyramid(place))]
    gc.collect()
    assert [ref() is not None for ref in seen] == [False] * 4 + [True] * 2
    assert not any("image" in vars(result) for result in loose)


# ------------------------------------------------------------------------------ hand and keys


def test_the_divider_is_dragged(compare, page, hand):
    width, height = compare.sight.canvas
    hand.drag([(width / 2 + 5, 40), (width / 3, 50), (width / 4 + 5, height - 10)])
    assert compare.divider == pytest.approx(0.25, abs=0.003)
    assert_swiped(page, compare, width / 4)
    assert compare.sight.is_whole
    hand.move(width * 0.9, 10)
    assert compare.divider == pytest.approx(0.25, abs=0.003)
    # Beyond the edge, where the button goes up unseen.
    hand.down(width / 4, 10)
    hand.out(width + 300, 10)
    hand.move(10, 10)
    assert compare.divider == 1


def test_what_the_browser_does_not_tell(compare, hand):
    hand.down(60, 60)
    hand.out(60, 60)  # the right button's menu
    assert compare.divider == 0.5
    hand.down(60, 60)
    hand.up(60, 60)
    assert compare.divider == pytest.approx(60 / compare.sight.canvas[0], abs=0.01)
    hand.event("mouse_move", x=float("nan"), y=None)
    assert compare.error == ""


def test_zoomed_in_a_drag_moves_the_pictures_unless_at_the_divider(compare, page, hand):
    width = compare.sight.canvas[0]
    compare.zoom *= 3
    before = compare.sight.viewport
    hand.drag([(60, 60), (100, 90), (110, 80)])
    assert (compare.sight.viewport.x, compare.sight.viewport.y) == (before.x + 50, before.y + 20)
    assert compare.divider == 0.5
    hand.drag([(width / 2, 60), (width / 3, 60)])
    assert compare.divider == pytest.approx(1 / 3, abs=0.003)
    assert compare.sight.viewport.x == before.x + 50
    compare._view._draw()
    assert_swiped(page, compare, width / 3)
    assert "cursor:ew-resize" in sheet(page, compare)
    hand.move(width - 10, 10)
    assert "cursor:grab}" in sheet(page, compare)


@pytest.mark.parametrize("mode", MODES)
def test_the_wheel_zooms_at_the_pointer(mode, compare, page, hand):
    compare.mode = mode
    for left, *_ in compare.sight.panes:
        compare.fit()
        at = (left + 90, 70)
        view = compare.sight.viewport
        hand.move(*at)
        hand.wheel(0, -120)
        zoomed = compare.sight.viewport
        assert compare.zoom == zoomed.scale > 1.3 * view.scale
        assert zoomed.to_picture(90, 70) == pytest.approx(view.to_picture(90, 70))
    if mode == "side":
        assert_side_by_side(page, compare)


def test_a_drag_in_either_pane_moves_both(compare, page, hand):
    compare.mode, compare.zoom = "side", 2
    for left, *_ in compare.sight.panes:
        before = compare.sight.viewport
        hand.drag([(left + 50, 50), (left + 80, 70), (left + 90, 30)])
        moved = compare.sight.viewport
        assert (moved.x, moved.y) == (before.x + 40, before.y - 20)
    # A drag that goes on into the other pane stays one drag.
    middle = compare.sight.canvas[0] / 2
    before = compare.sight.viewport
    hand.drag([(middle - 20, 50), (middle + 20, 50)])
    assert compare.sight.viewport.x == before.x + 40
    assert_side_by_side(page, compare)


def test_fingers(compare, hand):
    width = compare.sight.canvas[0]
    hand.touch("start", [(width / 2, 80)])
    hand.touch("move", [(width / 4, 80)])
    hand.touch("end", [])
    assert compare.divider == pytest.approx(0.25, abs=0.01)
    fit = compare.sight.viewport
    hand.touch("start", [(100, 100)])
    hand.touch("start", [(100, 100), (200, 100)])
    hand.touch("move", [(50, 100), (250, 100)])
    hand.touch("end", [(50, 100)])
    hand.touch("move", [(300, 100)])
    hand.touch("end", [])
    assert compare.zoom == pytest.approx(2 * fit.scale)
    assert compare.divider == pytest.approx(0.25, abs=0.01)
    hand.touch("start", [(20, 20)])
    hand.touch("move", [(50, 40)])
    hand.touch("end", [])
    assert compare.sight.viewport.x > fit.x - fit.canvas[0]
    assert compare.divider == pytest.approx(0.25, abs=0.01)


def test_keys(compare, page, hand):
    for key, mode in zip("2341", ("side", "flicker", "difference", "swipe"), strict=True):
        hand.key(key)
        assert compare.mode == mode
    hand.key("ArrowLeft")
    assert compare.divider == pytest.approx(0.48)
    hand.key("ArrowRight", shift=True)
    assert compare.divider == pytest.approx(0.58)
    hand.key(" ")
    assert compare.pair == (1, 0)
    hand.key("m")
    assert compare.outlined
    fit = compare.zoom
    hand.key("+")
    assert compare.zoom == pytest.approx(1.5 * fit)
    hand.key("-")
    assert compare.zoom == pytest.approx(fit)
    hand.key("+")
    hand.key("0")
    assert compare.sight.is_whole
    hand.key("3")
    hand.key(" ")
    assert (compare.playing, compare.pair) == (False, (1, 0))
    hand.key(" ")
    assert compare.playing
    hand.key("ArrowRight")
    assert (compare.playing, compare.front) == (False, 1)
    hand.key("ArrowLeft")
    assert compare.front == 0
    hand.key("2")
    hand.key("+")
    before = compare.sight.viewport
    hand.key("ArrowRight")
    assert compare.sight.viewport == before.moved(-40, 0)
    assert page.said == []


def test_keys_that_are_the_pages_are_given_back(compare, page, hand):
    for key, command in (("Tab", False), ("Escape", False), ("s", True), ("1", True)):
        hand.key(key, ctrl=command)
        assert page.said.pop() == (compare._view._pad.model_id, {"do": "blur"})
        assert not page.said
    assert compare.mode == "swipe"
    hand.key("m")
    hand.out(-5, 5)
    assert len(page.said) == 1


def test_each_key_has_a_button(compare, page):
    for label, mode in (
        ("Side by side", "side"), ("Flicker", "flicker"), ("Difference", "difference"),
        ("Swipe", "swipe"),
    ):  # fmt: skip
        button(compare, label).value = True
        assert compare.mode == mode
    button(compare, "Swap").click()
    assert compare.pair == (1, 0)
    fit = compare.zoom
    button(compare, "Zoom in").click()
    assert compare.zoom > fit
    button(compare, "Actual size").click()
    assert compare.zoom == 1
    button(compare, "Zoom out").click()
    button(compare, "Fit").click()
    assert compare.zoom == fit
    button(compare, "Mask outline").value = True
    assert compare.outlined
    button(compare, "Scroll").value = True
    assert "ffnb-through" in page.models[compare._view._pad.model_id]["_dom_classes"]
    sliders = {slider.description: slider for slider in parts(compare, IntSlider)}
    sliders["Divider"].value = 20
    assert compare.divider == 0.2
    sliders["Amplify"].value = 4
    assert compare.amplify == 16
    sliders["Changes per second"].value = 2
    assert compare.flicker_rate == 1
    button(compare, "Flicker").value = True
    button(compare, "Play").value = False
    assert not compare.playing


def test_controls_that_mean_nothing_are_not_shown(open_page):
    compare = Compare(BEFORE, AFTER)

    def shown(label: str, kind: type[Widget]) -> bool:
        (each,) = (each for each in parts(compare, kind) if each.description == label)
        return "ffnb-off" not in each._dom_classes

    assert not shown("Mask outline", ToggleButton)
    assert not shown("First picture", Dropdown)


def test_what_is_wrong_is_told(open_page, caplog):
    compare = Compare(BEFORE, AFTER)
    page = open_page()
    with caplog.at_level(logging.ERROR, "fluxfill_nb.widgets"):
        Hand(compare).key("m")
    assert compare.error.startswith("There is no mask to outline")
    assert caplog.records
    assert any("There is no mask" in str(model.get("value")) for model in page.models.values())
    Hand(compare).drag([(50, 50), (60, 60)])
    assert compare.error == ""


def test_a_draw_that_fails_is_made_up_for(compare, page, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setattr(Image.Image, "save", lambda *_, **__: 1 / 0)
        compare.swap()
    assert compare.error == "ZeroDivisionError: division by zero"
    compare.divider = 0.6
    assert_swiped(page, compare, compare.sight.line)


# ------------------------------------------------------------------------------ zoom


def test_zoom_is_assigned(compare, page):
    middle = [side / 2 for side in compare.sight.canvas]
    before = compare.sight.viewport
    compare.zoom = 2.5
    assert compare.sight.viewport.scale == 2.5
    assert compare.sight.viewport.to_picture(*middle) == pytest.approx(before.to_picture(*middle))
    compare.zoom = 1000
    assert compare.zoom == compare.sight.viewport.scale == 32


def test_single_pixels_are_exact(compare, page):
    compare.zoom = 16
    seen = page.seen(compare)
    x, y = (int(place) for place in compare.sight.viewport.to_picture(40, 60))
    column, row = (round(place) for place in compare.sight.viewport.to_canvas(x + 0.5, y + 0.5))
    assert seen[row, column] * 255 == pytest.approx(np.array(BEFORE.getpixel((x, y))), abs=0.6)


def test_the_place_is_kept_from_mode_to_mode(compare):
    compare.zoom *= 4
    compare.see(compare.sight.viewport.moved(70, 40))
    view = compare.sight.viewport
    place = view.to_picture(view.canvas[0] / 2, view.canvas[1] / 2)
    for mode in ("side", "difference", "side", "swipe"):
        compare.mode = mode
        now = compare.sight.viewport
        assert now.to_picture(now.canvas[0] / 2, now.canvas[1] / 2) == pytest.approx(place)
        assert compare.zoom == now.scale == view.scale


sides = st.integers(1, 3000)


@given(st.tuples(sides, sides), st.integers(240, 1200), st.integers(100, 900), st.floats(0, 1))
def test_sights(picture, width, height, divider):
    sight = Sight.whole(picture, (width, height))
    assert sight.is_whole
    sight = replace(sight, divider=divider)
    left, right = sight.span
    assert left <= sight.line + 0.5
    assert sight.line - 0.5 <= right
    assert abs(sight.with_line(sight.line).divider - divider) * (right - left) <= 0.51
    assert sight.with_line(-1e6).divider == 0
    assert sight.with_line(1e6).divider == 1
    for mode in MODES:
        there = sight.in_mode(mode)
        assert there.is_whole
        assert all(
            (right - left, bottom - top) == there.viewport.canvas
            for left, top, right, bottom in there.panes
        )
        assert there.in_mode("swipe") == sight
        for place, (pane_left, _, pane_right, _) in enumerate(there.panes):
            assert there.pane_of(pane_left) == there.pane_of(pane_right - 1) == place


# ------------------------------------------------------------------------------ pages, notebooks


@pytest.mark.parametrize("mode", MODES)
def test_pages_that_come_later_see_the_same(mode, compare, page, open_page):
    compare.mode, compare.outlined = mode, True
    compare.zoom *= 2
    compare.pair = (1, 2)
    compare._view._sharpen()
    later = open_page()
    page.close()
    again = open_page()
    for each in (later, again):
        assert np.abs(each.seen(compare) - page.seen(compare)).max() < 0.01
        assert np.abs(above(each, compare) - above(page, compare)).max() < 0.01
        assert each.dead is None


def test_every_batch_names_its_first_canvas_and_ends_on_the_beacon(compare, page, hand):
    hand.drag([(200, 40), (100, 40)])
    for mode in MODES:
        compare.mode = mode
    assert len(page.batches) > 4
    for batch in page.batches:
        assert batch[0][1] == "switchCanvas"
        assert batch[-1][0] == compare._view._beacon.model_id


def test_a_divider_that_moves_sends_no_pictures(compare, page):
    page.sizes.clear()
    for step in range(20):
        compare.divider = step / 20
    assert page.sizes
    assert max(page.sizes) < 4000


def test_nothing_is_drawn_for_nobody(compare):
    compare.mode = "side"
    compare.zoom = 2
    assert not compare._view._ready


def test_a_saved_notebook_stays_small(compare, page):
    compare.mode = "difference"
    state = {model: widget.get_state() for model, widget in _instances.items()}
    assert len(json.dumps(state, default=str)) < 90_000
    bundle = compare._repr_mimebundle_()
    assert len(bundle["image/jpeg"]) < 60_000
    with Image.open(io.BytesIO(bundle["image/jpeg"])) as figure:
        assert figure.format == "JPEG"
        assert figure.width > 2 * figure.height * 0.9
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_static_figure_shows_both(compare):
    figure = np.asarray(compare.preview(height=200), np.float32)
    small = [np.asarray(image.resize((250, 200)), np.float32) for image in (BEFORE, AFTER)]
    # Where each of them is: the place at which it fits.
    for image, left in zip(small, (12, 12 + 250 + 12), strict=True):
        rows = [np.abs(figure[top : top + 200, left : left + 250] - image).mean()
                for top in range(figure.shape[0] - 200)]  # fmt: skip
        assert min(rows) < 4
    compare.outlined = True
    assert (np.asarray(compare.preview(height=200)) != figure).any()


def test_it_is_taken_off_the_page(compare, page):
    compare.mode = "flicker"
    compare.close()
    assert not compare.playing
    assert compare._view._pad.comm is None
    before = len(page.batches)
    compare.divider = 0.1
    assert len(page.batches) == before
    other = Compare(BEFORE, AFTER)
    page.answer()
    assert_swiped(page, other, other.sight.line)


def test_two_comparers_do_not_disturb_each_other(compare, page):
    other = Compare(AFTER, THIRD)
    page.answer()
    compare.mode = "side"
    other.divider = 0.2
    assert_side_by_side(page, compare)
    assert_swiped(page, other, other.sight.line)


def test_threads_that_call_at_once(compare, page):
    def turn() -> None:
        for step in range(8):
            compare.divider = step / 8
            compare.mode = MODES[step % 4]
            compare.swap()

    threads = [threading.Thread(target=turn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    compare.mode, compare.pair, compare.divider = "swipe", (0, 1), 0.4
    compare._view._sharpen()
    assert compare.error == ""
    assert_swiped(page, compare, compare.sight.line)


def test_what_is_compared_needs_no_widgets():
    code = (
        "import sys, fluxfill_nb.widgets.compare.sight, fluxfill_nb.widgets.compare.compared\n"
        "assert not {'ipywidgets', 'ipycanvas'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_repr(compare):
    assert repr(compare) == "<Compare 500 x 400: one | two>"
