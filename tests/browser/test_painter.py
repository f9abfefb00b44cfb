"""The painter in JupyterLab and Chromium: mouse, fingers, keys, and what is on the canvas."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence

import pytest
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, expect

import fluxfill_nb as ff
from fluxfill_nb.mask import Size
from tests.browser.conftest import Lab, Notebook
from tests.browser.easel import Easel, Point, mask_in_kernel
from tests.patience import until

SETUP = '''
import numpy as np
from IPython.display import display
from PIL import Image
from fluxfill_nb.widgets.painter import MaskPainter

def grey(width, height):
    """12 fields, each of a grey of its own."""
    row, column = np.arange(height)[:, None] * 3 // height, np.arange(width) * 4 // width
    return Image.fromarray((30 + 15 * (4 * column + row)).astype(np.uint8)).convert("RGB")
'''
SIZE = (640, 480)
TRIANGLE = [(120.0, 100.0), (500.0, 150.0), (280.0, 400.0)]
BELOW = [(60.0, 440.0), (600.0, 440.0)]


@pytest.fixture(scope="module")
def notebook(lab: Lab, chromium: Browser, wrong: list[str]) -> Iterator[Notebook]:
    def note(message: ConsoleMessage) -> None:
        # Widgets of earlier tests may be closed while a new page asks for them.
        if message.type == "error" and "Comm not found" not in message.text:
            wrong.append(message.text)

    with chromium.new_context(viewport={"width": 1400, "height": 1000}) as context:
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", note)
        notebook = lab.open(context.new_page(), lab.blank("painter.ipynb"))
        notebook.run(SETUP)
        yield notebook


@pytest.fixture
def show(notebook: Notebook, wrong: list[str]) -> Iterator[Callable[..., Easel]]:
    """Show a new painter in a new cell; at the end nothing may have gone wrong."""
    names: list[str] = []

    def show(size: Size = SIZE, name: str = "painter", brush: int = 40) -> Easel:
        notebook.run(
            f"{name} = MaskPainter(grey{size})\n{name}.brush_size = {brush}\ndisplay({name})"
        )
        names.append(name)
        return Easel(notebook.page, notebook.last_cell, size).wait()

    wrong.clear()
    yield show
    for name in names:
        notebook.run(f"{name}.close()")
    notebook.drop_cells()
    assert not wrong


@pytest.fixture
def easel(show: Callable[..., Easel]) -> Easel:
    return show()


def agree(easel: Easel, notebook: Notebook, operations: int, name: str = "painter") -> ff.Mask:
    """Wait until so much is done and the canvas shows the mask, IoU 0.99; return the mask."""
    notebook.until(f"len({name}.log)", operations)
    mask = mask_in_kernel(notebook, name)
    until(lambda: easel.agreement(mask) >= 0.99, "the canvas shows the mask")
    assert notebook.json(f"{name}.error") == ""
    return ff.Mask(mask)


def overlap(one: ff.Mask, other: ff.Mask) -> float:
    return (one & other).coverage / (one | other).coverage


# ------------------------------------------------------------------------------ tools


def drag(points: Sequence[Point]) -> Callable[[Easel], None]:
    return lambda easel: easel.drag(points)


TOOLS: dict[str, tuple[Callable[[Easel], None], ff.Mask]] = {
    "Brush": (drag(TRIANGLE), ff.Mask.from_strokes(SIZE, [TRIANGLE], width=40)),
    "Line": (drag(TRIANGLE[::2]), ff.Mask.from_strokes(SIZE, [TRIANGLE[::2]], width=40)),
    "Rectangle": (drag(TRIANGLE[::2]), ff.Mask.from_box(SIZE, (120, 100, 280, 400))),
    "Ellipse": (drag(TRIANGLE[::2]), ff.Mask.from_ellipse(SIZE, (120, 100, 280, 400))),
    "Lasso": (drag(TRIANGLE), ff.Mask.from_polygon(SIZE, TRIANGLE)),
    "Fill": (drag([(300, 200)]), ff.Mask.full(SIZE)),
    "Wand": (drag([(200, 200)]), ff.Mask.from_box(SIZE, (160, 160, 320, 320))),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_paints_what_the_hand_does(tool, easel, notebook):
    work, wanted = TOOLS[tool]
    notebook.run("painter.tolerance = 5")
    easel.choose(tool)
    work(easel)
    assert overlap(agree(easel, notebook, 1), wanted) > 0.97


def test_the_canvas_stays_in_place_when_the_tool_changes(easel):
    def below_the_frames_top() -> float:
        return easel.pad.bounding_box()["y"] - easel.frame.bounding_box()["y"]

    at_first = below_the_frames_top()
    for tool in (*TOOLS, "Polygon", "Eraser"):
        easel.choose(tool)
        until(
            lambda tool=tool: easel.frame.locator(".ffnb-name").inner_text() == tool,
            f"the options are those of {tool}",
        )
        assert below_the_frames_top() == at_first, tool


def test_the_eraser_takes_away(easel, notebook):
    notebook.run("painter.invert()")
    easel.choose("Eraser")
    easel.press(TRIANGLE)
    # While it is still pressed.
    until(lambda: not easel.filled((400, 137)), "it is seen to erase")
    easel.page.mouse.up()
    kept = ~agree(easel, notebook, 2)
    assert overlap(kept, ff.Mask.from_strokes(SIZE, [TRIANGLE], width=40)) > 0.97


def test_live_ink(easel, notebook):
    easel.press(TRIANGLE)
    wanted = ff.Mask.from_strokes(SIZE, [TRIANGLE], width=40).array
    until(lambda: easel.agreement(wanted) > 0.95, "the ink is seen before the release")
    assert notebook.json("len(painter.log)") == 0
    easel.page.mouse.up()
    agree(easel, notebook, 1)


@pytest.mark.parametrize("end", ["double click", "Enter", "button", "first corner"])
def test_a_polygon_is_closed(end, easel, notebook):
    easel.choose("Polygon")
    for point in TRIANGLE[:2]:
        easel.click(point)
    if end == "double click":
        easel.page.mouse.dblclick(*easel.on_page(TRIANGLE[2]))
    else:
        easel.click(TRIANGLE[2])
        notebook.until("painter.is_open", True)
        if end == "Enter":
            easel.page.keyboard.press("Enter")
        elif end == "button":
            easel.button("Close shape").click()
        else:
            easel.click(TRIANGLE[0])
    wanted = ff.Mask.from_polygon(SIZE, TRIANGLE)
    assert overlap(agree(easel, notebook, 1), wanted) > 0.97
    assert not notebook.json("painter.is_open")


def test_pan_moves_the_picture_and_paints_nothing(easel, notebook):
    notebook.run("painter.rectangle((300, 200, 400, 300))")
    agree(easel, notebook, 1)
    before = easel.middle()
    easel.choose("Move")
    easel.drag([(100, 100), (180, 60)])
    scale = easel.fitted.scale
    wanted = before[0] + 80 * scale, before[1] - 40 * scale
    until(lambda: math.dist(easel.middle(), wanted) < 2 * scale, "the picture moves")
    assert notebook.json("len(painter.log)") == 1


def test_a_plugged_in_tool_has_a_button(easel, notebook):
    notebook.run(
        "def brighter(image, mask, points):\n"
        "    (x, y), = points\n"
        "    return image[:, :, 0] > image[int(y), int(x), 0]\n"
        "painter.add_tool('brighter', brighter)"
    )
    easel.choose("Brighter")
    easel.click((400, 400))
    mask = agree(easel, notebook, 1)
    assert mask == ff.Mask.from_box(SIZE, (480, 0, 640, 480))
    assert notebook.json("painter.log.to_code().count('painter.load(')") == 1


def test_a_tool_that_raises_is_told_and_painting_goes_on(easel, notebook):
    notebook.run("painter.add_tool('broken', lambda image, mask, points: 1 / 0)")
    easel.choose("Broken")
    easel.click((300, 200))
    expect(easel.frame.get_by_role("alert")).to_contain_text("ZeroDivisionError")
    easel.choose("Brush")
    easel.drag(TRIANGLE)
    agree(easel, notebook, 1)
    expect(easel.frame.get_by_role("alert")).to_be_hidden()


def test_the_pointer_is_as_large_as_the_brush(easel, notebook):
    def ring() -> float:
        cursor = easel.pad.evaluate("pad => getComputedStyle(pad).cursor")
        found = re.search(r"%3Ccircle[^>]*? r='([\d.]+)'", cursor)
        return float(found[1]) if found else math.nan

    size = 40 * easel.fitted.scale * 720 / easel.fitted.canvas[0]
    until(lambda: abs(2 * ring() - size) < 3, "the ring has the brush's size")
    easel.choose("Rectangle")
    until(lambda: math.isnan(ring()), "no ring for a rectangle")


# ------------------------------------------------------------------------------ keys and buttons


def test_undo_and_redo(easel, notebook):
    easel.drag(TRIANGLE[:2])
    one = agree(easel, notebook, 1)
    easel.drag(TRIANGLE[1:])
    both = agree(easel, notebook, 2)
    keyboard = easel.page.keyboard
    keyboard.press("Control+z")
    assert agree(easel, notebook, 1) == one
    keyboard.press("Control+Shift+z")
    assert agree(easel, notebook, 2) == both
    easel.button("Undo").click()
    easel.button("Undo").click()
    assert agree(easel, notebook, 0).is_empty
    expect(easel.button("Undo")).to_be_disabled()
    easel.button("Redo").click()
    assert agree(easel, notebook, 1) == one


def test_shortcuts(easel, notebook):
    easel.click((300, 200))
    press = easel.page.keyboard.press
    tools = {
        "e": "eraser", "l": "line", "r": "rectangle", "o": "ellipse", "f": "fill", "w": "wand",
        "p": "polygon", "a": "lasso", "h": "pan", "b": "brush", "x": "eraser",
    }  # fmt: skip
    for key, tool in tools.items():
        press(key)
        notebook.until("painter.tool", tool)
    for key, size in (("]", 46), ("[", 40), ("[", 35)):
        press(key)
        notebook.until("painter.brush_size", size)
    dot = agree(easel, notebook, 1)
    press("i")
    assert agree(easel, notebook, 2) == ~dot
    for key, zoom in (("1", 1.0), ("+", 1.5), ("-", 1.0), ("0", easel.fitted.scale)):
        press(key)
        notebook.until("round(painter.zoom, 3)", round(zoom, 3))
    press("v")
    notebook.until("painter.show", "outline")


def test_escape_drops_what_is_under_way(easel, notebook):
    easel.press(TRIANGLE)
    until(lambda: easel.seen().any(), "there is ink")
    easel.page.keyboard.press("Escape")
    until(lambda: not easel.seen().any(), "the ink is gone")
    easel.page.mouse.up()
    easel.choose("Polygon")
    for point in TRIANGLE:
        easel.click(point)
    notebook.until("painter.is_open", True)
    easel.page.keyboard.press("Escape")
    notebook.until("painter.is_open", False)
    assert agree(easel, notebook, 0).is_empty


def test_the_page_gets_its_keys_back(easel, notebook):
    page = easel.page
    keeps = "document.activeElement.classList.contains('ffnb-pad')"
    # The pointer leaves.
    easel.drag(TRIANGLE[:2])
    notebook.until("len(painter.log)", 1)
    assert page.evaluate(keeps)
    page.mouse.move(*easel.beside)
    until(lambda: not page.evaluate(keeps), "the painter lets the keyboard go")
    page.keyboard.press("Control+s")
    until(
        lambda: not page.evaluate("jupyterapp.shell.currentWidget.context.model.dirty"),
        "the page has saved",
    )
    # A key that is none of the painter's.
    easel.drag(TRIANGLE[1:])
    notebook.until("len(painter.log)", 2)
    page.keyboard.press("Tab")
    until(lambda: not page.evaluate(keeps), "the painter lets the keyboard go")
    was = page.evaluate_handle("document.activeElement")
    page.keyboard.press("Tab")
    assert page.evaluate("was => document.activeElement !== was", was)
    # Escape.
    easel.drag(TRIANGLE[::2])
    notebook.until("len(painter.log)", 3)
    page.keyboard.press("Escape")
    until(lambda: not page.evaluate(keeps), "the painter lets the keyboard go")


def test_a_mask_comes_from_a_file_and_goes_into_one(easel, notebook):
    mask = ff.Mask.from_ellipse(SIZE, (100, 100, 300, 300))
    file = {"name": "mask.png", "mimeType": "image/png", "buffer": mask.to_png()}
    with easel.page.expect_file_chooser() as chooser:
        easel.frame.get_by_title("Load a mask from a picture file").click()
    chooser.value.set_files(files=[file])
    assert agree(easel, notebook, 1) == mask
    easel.button("Save").click()
    with easel.page.expect_download() as download:
        easel.frame.get_by_role("link", name="mask.png").click()
    with Image.open(download.value.path()) as saved:
        assert ff.Mask(saved) == mask


# ------------------------------------------------------------------------------ the mouse


@pytest.mark.parametrize("turns", [-1, 2, 4])
def test_zoomed_painting_lands_where_it_should(turns, easel, notebook):
    # A dark spot, 9 px wide, which is looked for on the canvas: no viewport is asked.
    spot = (417.5, 233.5)
    notebook.run(
        "picture = np.array(grey(640, 480)); picture[229:238, 413:422] = 0\n"
        "painter.image = Image.fromarray(picture); painter.brush_size = 3"
    )
    dark = """canvas => {
        const {width, height} = canvas;
        const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
        let [x, y, count] = [0, 0, 0];
        for (let at = 0; at < data.length; at += 4)
            if (data[at] + data[at + 1] + data[at + 2] < 60 && data[at + 3] === 255) {
                x += at / 4 % width + 0.5;
                y += Math.floor(at / 4 / width) + 0.5;
                count++;
            }
        const box = canvas.getBoundingClientRect();
        const scale = box.width / width;
        return count ? [x / count * scale + box.x, y / count * scale + box.y] : [0, 0];
    }"""
    mouse = easel.page.mouse

    def seen() -> Point:
        x, y = easel.canvas.evaluate(dark)
        return x, y

    def comes_to(place: Point) -> None:
        until(lambda: math.dist(seen(), place) < 1.5, f"the spot comes to {place}")

    easel.wait()
    comes_to(easel.on_page(spot))
    # Browsers tell of whole px.
    before, factor = seen(), 2.0**turns
    at = round(before[0]) + 3, round(before[1]) - 2
    mouse.move(*at)
    for _ in range(abs(turns)):
        mouse.wheel(0, -math.copysign(240, turns))
    x, y = (p + factor * (q - p) for p, q in zip(at, before, strict=True))
    comes_to((x, y))
    easel.choose("Move")
    mouse.move(*at)
    mouse.down()
    mouse.move(at[0] + 70, at[1] + 50, steps=5)
    mouse.up()
    comes_to((x + 70, y + 50))
    easel.choose("Brush")
    x, y = seen()
    mouse.move(round(x), round(y))
    mouse.down()
    mouse.up()
    notebook.until("len(painter.log)", 1)
    left, top, right, bottom = notebook.json("painter.bbox")
    scale = notebook.json("painter.zoom") * 720 / easel.fitted.canvas[0]
    wanted = spot[0] + (round(x) - x) / scale, spot[1] + (round(y) - y) / scale
    assert math.dist(((left + right) / 2, (top + bottom) / 2), wanted) <= 1


def test_strokes_cross_the_edge(easel, notebook):
    easel.drag([(-15, 240), (655, 240)])
    agree(easel, notebook, 1)
    assert notebook.json("painter.bbox[0::2]") == [0, 640]


def test_leaving_with_the_button_down(easel, notebook):
    box = easel.pad.bounding_box()
    mouse = easel.page.mouse
    mouse.move(*easel.on_page((300, 240)))
    mouse.down()
    mouse.move(*easel.on_page((100, 240)), steps=4)
    mouse.move(box["x"] - 60, easel.on_page((0, 240))[1], steps=4)
    mouse.up()
    notebook.until("len(painter.log)", 1)
    mouse.move(*easel.on_page((500, 100)), steps=4)
    mouse.move(*easel.on_page((500, 400)), steps=4)
    easel.click((600, 50))
    mask = agree(easel, notebook, 2)
    assert mask.array[240, 0] == 255
    assert mask.array[100:400, 450:].max() == 0


def test_the_right_button_paints_nothing(easel, notebook):
    page = easel.page
    page.mouse.click(*easel.on_page((300, 200)), button="right")
    page.locator(".lm-Menu").first.wait_for()
    page.keyboard.press("Escape")
    easel.drag(TRIANGLE)
    assert agree(easel, notebook, 1).array[200, 300] == 0


def test_the_wheel_zooms_or_scrolls_the_page(easel, notebook):
    page = easel.page
    notebook.run("print('line\\n' * 100)")
    easel.pad.scroll_into_view_if_needed()

    def top() -> float:
        box = easel.pad.bounding_box()
        assert box is not None
        return box["y"]

    zoom, was = notebook.json("painter.zoom"), top()
    page.mouse.move(*easel.on_page((300, 200)))
    page.mouse.wheel(0, 120)
    until(lambda: notebook.json("painter.zoom") < zoom, "the wheel zooms")
    assert top() == was
    easel.button("Scroll").click()
    notebook.until("painter.scrolling", True)
    zoom = notebook.json("painter.zoom")
    until(lambda: easel.pad.evaluate("pad => getComputedStyle(pad).pointerEvents") == "none",
          "the page has the pointer")  # fmt: skip
    page.mouse.move(*easel.on_page((300, 200)))
    page.mouse.wheel(0, 120)
    until(lambda: top() < was, "the wheel scrolls")
    easel.drag([(300, 200), (400, 300)])
    easel.button("Scroll").click()
    notebook.until("painter.scrolling", False)
    assert notebook.json("(painter.zoom, len(painter.log))") == [zoom, 0]


# ------------------------------------------------------------------------------ fingers


def test_one_finger_paints(easel, notebook):
    easel.touch("touchStart", TRIANGLE[:1])
    for point in TRIANGLE[1:]:
        easel.touch("touchMove", [point])
    easel.touch("touchEnd", [])
    wanted = ff.Mask.from_strokes(SIZE, [TRIANGLE], width=40)
    assert overlap(agree(easel, notebook, 1), wanted) > 0.97


def test_two_fingers_zoom_and_paint_nothing(easel, notebook):
    zoom = notebook.json("painter.zoom")
    easel.touch("touchStart", [(300, 200)])
    easel.touch("touchMove", [(290, 200)])
    easel.touch("touchStart", [(290, 200), (340, 200)])
    for reach in (20, 40, 50):
        easel.touch("touchMove", [(290 - reach, 200), (340 + reach, 200)])
    easel.touch("touchEnd", [(240, 200)])
    easel.touch("touchMove", [(200, 300)])
    easel.touch("touchEnd", [])
    notebook.until("round(painter.zoom, 1)", round(3 * zoom, 1))
    easel.button("Fit").click()
    notebook.until("painter.zoom", zoom)
    easel.touch("touchStart", [(100, 100)])
    easel.touch("touchEnd", [])
    agree(easel, notebook, 1)
    assert notebook.json("painter.bbox[2] < 140")


# ------------------------------------------------------------------------------ pages


def test_a_reload_loses_nothing(easel, notebook, lab):
    page = easel.page
    notebook.run("MaskPainter(grey(64, 64)).close()")
    easel.drag(TRIANGLE)
    mask = agree(easel, notebook, 1)
    notebook.save()
    page.reload()
    lab.opened(page)
    easel.wait()
    assert agree(easel, notebook, 1) == mask
    easel.drag(TRIANGLE[::2])
    both = agree(easel, notebook, 2)
    assert both.coverage > mask.coverage
    page.keyboard.press("Control+z")
    assert agree(easel, notebook, 1) == mask


def test_a_second_tab_shows_the_same(easel, notebook, lab):
    easel.drag(TRIANGLE)
    agree(easel, notebook, 1)
    notebook.save()
    context: BrowserContext = easel.page.context
    with context.new_page() as page:
        other = lab.open(page, "painter.ipynb")
        second = Easel(page, other.last_cell, SIZE).wait()
        agree(second, other, 1)
        second.drag(TRIANGLE[::2])
        agree(second, other, 2)
        easel.page.bring_to_front()
        agree(easel, notebook, 2)
        easel.drag(BELOW)
        agree(easel, notebook, 3)
        page.bring_to_front()
        agree(second, other, 3)


def test_two_displays_of_one_painter(easel, notebook):
    easel.drag(TRIANGLE)
    notebook.run("display(painter)")
    page = easel.page
    second = Easel(page, notebook.last_cell, SIZE).wait()
    agree(second, notebook, 1)
    second.drag(TRIANGLE[::2])
    agree(second, notebook, 2)
    agree(easel, notebook, 2)
    easel.pad.scroll_into_view_if_needed()
    easel.drag(BELOW)
    agree(easel, notebook, 3)
    agree(second, notebook, 3)


def test_two_painters_at_once(easel, show, notebook):
    other = show((320, 200), "other", brush=20)
    for turn in (1, 2):
        for hand, name, points in (
            (other, "other", [(50, 50 * turn), (250, 50 * turn)]),
            (easel, "painter", [(100, 100 * turn), (500, 150 * turn)]),
        ):
            hand.pad.scroll_into_view_if_needed()
            hand.drag(points)
            agree(hand, notebook, turn, name)


def test_the_saved_notebook_stays_small(lab, chromium):
    # In a notebook of its own: what is saved once, JupyterLab keeps in the file.
    with chromium.new_context(viewport={"width": 1400, "height": 1000}) as context:
        notebook = lab.open(context.new_page(), lab.blank("small.ipynb"))
        notebook.run(SETUP)
        notebook.run(
            f"painter = MaskPainter(grey{SIZE})\npainter.brush_size = 40\ndisplay(painter)"
        )
        easel = Easel(notebook.page, notebook.last_cell, SIZE).wait()
        noise = "np.random.default_rng(0).integers(0, 256, (480, 640, 1), dtype=np.uint8)"
        notebook.run(f"painter.image = Image.fromarray(np.repeat({noise}, 3, axis=2))")
        easel.wait()
        for turn in range(5):
            easel.drag([(50, 50 + 80 * turn), (600, 90 + 80 * turn)])
        agree(easel, notebook, 5)
        assert len(notebook.save()) < 60_000
        switch = (
            "() => jupyterapp.commands.execute("
            "'@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
        )
        notebook.page.evaluate(switch)
        try:
            file = notebook.save()
        finally:
            notebook.page.evaluate(switch)  # JupyterLab keeps it for all notebooks
        assert b"widget-state+json" in file
        assert len(file) < 160_000


def test_a_picture_stands_in_where_widgets_do_not_run(easel, notebook, chromium, tmp_path):
    notebook.run("painter.rectangle((100, 100, 300, 300))\ndisplay(painter)")
    html, _ = HTMLExporter().from_file(io.StringIO(notebook.save().decode()))
    (tmp_path / "painter.html").write_text(html)
    with chromium.new_context(offline=True) as context:
        page = context.new_page()
        page.goto((tmp_path / "painter.html").as_uri())
        picture = page.locator("img").last
        expect(picture).to_be_visible()
        with Image.open(io.BytesIO(picture.screenshot())) as shot:
            image = shot.convert("RGB")
    red, green, _ = image.getpixel((image.width * 200 // 640, image.height * 200 // 480))
    assert red - green > 49
    red, green, _ = image.getpixel((image.width // 2, image.height // 2))
    assert red == green


# ------------------------------------------------------------------------------ pictures, kernels


@pytest.mark.parametrize("side", [64, 4096])
def test_small_and_large_pictures(side, show, notebook):
    easel = show((side, side), brush=side // 10)
    part = side / 8
    easel.drag([(part, part), (6 * part, 2 * part), (3 * part, 7 * part)])
    mask = agree(easel, notebook, 1)
    assert 0.1 < mask.coverage < 0.3
    easel.page.keyboard.press("Control+z")
    assert agree(easel, notebook, 0).is_empty
    easel.page.keyboard.press("Control+Shift+z")
    assert agree(easel, notebook, 1) == mask


def test_painting_while_a_cell_awaits(easel, notebook):
    notebook.run(
        "import asyncio\n"
        "for _ in range(400):\n"
        "    if len(painter.log):\n"
        "        break\n"
        "    await asyncio.sleep(0.05)\n"
        "painted_while_waiting = len(painter.log)",
        wait=False,
    )
    easel.drag(TRIANGLE)
    until(lambda: easel.seen().any(), "there is ink")
    notebook.until("painted_while_waiting", 1, patience=30)
    agree(easel, notebook, 1)


def test_painting_while_a_cell_computes_comes_after_it(easel, notebook):
    notebook.run("import time; time.sleep(2)", wait=False)
    easel.drag(TRIANGLE)
    wanted = ff.Mask.from_strokes(SIZE, [TRIANGLE], width=40)
    assert overlap(agree(easel, notebook, 1), wanted) > 0.97
