"""The comparer in a real JupyterLab and a real browser: pixels, hand, keys."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.patience import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.conftest import Lab, Notebook

# Red grows to the right, green downwards; the other picture is blue besides.
CODE = """
import numpy as np
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.widgets.compare import Compare

y, x = np.mgrid[:480, :640]
before = np.dstack([x * 255 // 639, y * 255 // 479, 0 * x]).astype("uint8")
after = before.copy()
after[:, :, 2] = 255
mask = ff.Mask.from_box((640, 480), (400, 300, 600, 440))
"""
PIXELS = """canvas => {
    const {width, height} = canvas;
    const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 8192)
        text += String.fromCharCode(...data.subarray(at, at + 8192));
    return [width, height, btoa(text)];
}"""


class Table:
    """A comparer on a page."""

    def __init__(self, page: Page, within: Locator) -> None:
        self.page = page
        self.frame = within.locator(".ffnb-compare")
        self.pad = within.locator("canvas.ffnb-pad")
        self.canvas = within.locator("canvas:not(.ffnb-pad):not(.ffnb-above)")
        self.above = within.locator("canvas.ffnb-above")

    def wait(self) -> Table:
        """Wait until pictures are on the canvas."""
        self.canvas.wait_for()
        until(lambda: self.seen()[:, :, 3].max() == 255, "the pictures are drawn")
        self.pad.scroll_into_view_if_needed()
        return self

    def seen(self, canvas: Locator | None = None) -> NDArray[np.uint8]:
        """What is on the canvas, RGBA."""
        width, height, data = (canvas or self.canvas).evaluate(PIXELS)
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def blue_from(self) -> float:
        """From where on the upper edge is blue, as a share of the width."""
        row = self.seen()[10, :, 2] > 128
        # The divider's line is white, and blue for a few px.
        blue = np.convolve(row, np.ones(30), "valid") == 30
        return float(np.argmax(blue) / row.size) if blue.any() else 1.0

    def shown(self, x: int, y: int) -> tuple[float, float]:
        """Which place of the picture is seen at a place of the canvas, px."""
        red, green, *_ = (int(value) for value in self.seen()[y, x])
        return red * 639 / 255, green * 479 / 255

    def on_page(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page a place of the canvas is, given as shares of its sides."""
        box = self.pad.bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, *shares: tuple[float, float]) -> None:
        """Press at the first place, release at the last."""
        first, *others = (self.on_page(*share) for share in shares)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for other in others:
            self.page.mouse.move(*other, steps=6)
        self.page.mouse.up()

    def button(self, name: str) -> Locator:
        """The button with this name."""
        return self.frame.get_by_role("button", name=name, exact=True)


@pytest.fixture(scope="module")
def notebook(lab: Lab, chromium: Browser, wrong: list[str]) -> Iterator[Notebook]:
    with chromium.new_context(viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        notebook = lab.open(page, lab.blank("compare.ipynb"))
        notebook.run(CODE)
        yield notebook


@pytest.fixture
def show(notebook: Notebook, wrong: list[str]) -> Iterator[Callable[..., Table]]:
    names = []

    def show(made: str = "before, after, mask=mask", name: str = "compare") -> Table:
        notebook.run(f"{name} = Compare({made})\ndisplay({name})")
        names.append(name)
        return Table(notebook.page, notebook.last_cell).wait()

    wrong.clear()
    yield show
    for name in names:
        notebook.run(f"{name}.close()")
    notebook.drop_cells()
    assert not wrong


@pytest.fixture
def table(show: Callable[..., Table]) -> Table:
    return show()


def near(value: Any, by: float = 0.012) -> Any:
    return pytest.approx(value, abs=by)


def test_the_divider_is_dragged(table, notebook):
    assert table.blue_from() == near(0.5)
    table.drag((0.5, 0.2), (0.3, 0.25))
    until(lambda: table.blue_from() == near(0.3), "the divider follows")
    assert notebook.json("compare.divider") == near(0.3)
    # All else is the same place of either picture.
    seen = table.seen()
    height, width = seen.shape[:2]
    for x, y in ((0.1, 0.9), (0.6, 0.1), (0.9, 0.7)):
        column, row = int(x * width), int(y * height)
        assert table.shown(column, row) == near((x * 640, y * 480), 8)
        assert (seen[row, column, 2] > 128) == (x > 0.3)
    table.drag((0.3, 0.2), (0.8, 0.2), (0.7, 0.3))
    until(lambda: table.blue_from() == near(0.7), "the divider follows again")
    # It follows before the button is up.
    table.page.mouse.move(*table.on_page(0.7, 0.4))
    table.page.mouse.down()
    table.page.mouse.move(*table.on_page(0.2, 0.4), steps=8)
    until(lambda: table.blue_from() == near(0.2), "the divider follows the hand")
    table.page.mouse.up()


def test_slider_and_code_move_the_divider(table, notebook):
    notebook.run("compare.divider = 0.8")
    until(lambda: table.blue_from() == near(0.8), "code moves the divider")
    handle = table.frame.locator(".ffnb-slider:visible .noUi-handle").first
    handle.focus()
    for _ in range(5):
        table.page.keyboard.press("ArrowLeft")
    until(lambda: table.blue_from() < 0.79, "the slider moves the divider")
    notebook.until("compare.divider < 0.79", True)


def test_keys(table, notebook):
    # A click on the pictures, where the divider is already.
    table.page.mouse.click(*table.on_page(0.5, 0.5))
    press = table.page.keyboard.press
    for _ in range(5):
        press("ArrowRight")
    until(lambda: table.blue_from() == near(0.6), "arrows move the divider")
    for key, mode in (("2", "side"), ("3", "flicker"), ("4", "difference"), ("1", "swipe")):
        press(key)
        notebook.until("compare.mode", mode)
        expect(table.frame.locator(".ffnb-choice .mod-active")).to_have_count(1)
    press("Space")
    notebook.until("compare.pair", [1, 0])
    until(lambda: table.seen()[10, 20, 2] > 128, "the pictures are swapped")
    press("m")
    notebook.until("compare.outlined", True)
    press("+")
    press("+")
    notebook.until("compare.zoom > 2", True)
    press("-")
    press("0")
    notebook.until("compare.sight.is_whole", True)
    expect(table.button("Mask outline")).to_have_class(re.compile("mod-active"))


def test_side_by_side_is_linked(table, notebook):
    table.button("Side by side").click()
    notebook.until("compare.mode", "side")
    height, width = table.seen().shape[:2]
    right = width // 2 + 2

    def linked() -> bool:
        seen = table.seen()
        left_one, right_one = seen[:, : width // 2 - 2], seen[:, right:]
        return bool(
            (np.abs(left_one[:, :, :2].astype(int) - right_one[:, :, :2]) < 12).all()
            and left_one[height // 2, :, 2].max() < 40
            and right_one[height // 2, :, 2].min() > 215
        )

    until(linked, "both panes show the same place")
    # The wheel over the right pane: what is under it stays, in both.
    x, y = 0.5 + 0.5 * 0.3, 0.5
    column = int(x * width)
    before = table.shown(column, height // 2)
    table.page.mouse.move(*table.on_page(x, y))
    for _ in range(4):
        table.page.mouse.wheel(0, -120)
    notebook.until("compare.zoom > 1.5", True)
    until(linked, "both panes have zoomed")
    until(lambda: table.shown(column, height // 2) == near(before, 9), "the place stays")
    # A drag in the left pane moves both.
    scale = notebook.json("compare.zoom")
    table.drag((0.2, 0.5), (0.3, 0.5))
    moved = before[0] - 0.1 * width / scale
    until(lambda: abs(table.shown(column, height // 2)[0] - moved) < 9, "the right pane moves too")
    until(linked, "both panes have moved")
    table.button("Fit").click()
    notebook.until("compare.sight.is_whole", True)
    until(linked, "both are whole again")


def test_flickering(table, notebook):
    def opacity() -> str:
        value: str = table.above.evaluate("canvas => getComputedStyle(canvas).opacity")
        return value

    assert opacity() == "0"
    table.button("Flicker").click()
    notebook.until("compare.playing", True)
    for wanted in ("1", "0", "1"):
        until(lambda wanted=wanted: opacity() == wanted, "the pictures change")
    assert table.seen()[200, 200, 2] < 40
    assert table.seen(table.above)[200, 200, 2] > 215
    # The names change with the pictures.
    shares = table.frame.locator(".ffnb-tags span").evaluate_all(
        "tags => tags.map(tag => getComputedStyle(tag).opacity)"
    )
    assert sorted(shares) == ["0", "1"]
    table.page.mouse.click(*table.on_page(0.5, 0.5))
    table.page.keyboard.press("ArrowRight")
    notebook.until("compare.playing", False)
    until(lambda: opacity() == "1", "the second one is held")
    table.page.keyboard.press("ArrowLeft")
    until(lambda: opacity() == "0", "the first one is held")
    table.page.wait_for_timeout(1200)
    assert opacity() == "0"
    table.button("Swipe").click()
    notebook.until("compare.mode", "swipe")
    assert opacity() == "0"


def test_the_difference(table, notebook):
    table.button("Difference").click()
    notebook.until("compare.mode", "difference")
    # A third of 255 levels, amplified to more than the scale has.
    until(lambda: (table.seen()[100, 100, :3] > 150).all(), "brightest")
    expect(table.frame.locator(".ffnb-scale")).to_contain_text("64 of 255")
    notebook.run("compare.amplify = 1")
    until(lambda: table.seen()[100, 100, 2] < 100, "less bright")
    expect(table.frame.locator(".ffnb-scale")).to_contain_text("255 of 255")


def test_the_outline(table, notebook):
    height, width = table.seen().shape[:2]
    column, row = int(400 / 640 * width), int(370 / 480 * height)
    bare = table.seen()[row, column - 4 : column + 5, :3].min(axis=1)
    assert bare.max() < 230
    table.button("Mask outline").click()
    until(
        lambda: table.seen()[row, column - 4 : column + 5, :3].min(axis=1).max() > 240,
        "a light line",
    )


def test_two_of_three(show, notebook):
    table = show("before, after, before, labels=['a', 'b', 'c']")
    lists = table.frame.get_by_role("combobox")
    expect(lists).to_have_count(2)
    lists.nth(1).select_option("c")
    notebook.until("compare.pair", [0, 2])
    until(lambda: table.blue_from() == 1.0, "the third one is seen")
    table.button("Swap").click()
    notebook.until("compare.pair", [2, 0])
    expect(table.frame.locator(".ffnb-tags span").first).to_have_text("c")


def test_pages_that_come_later_see_the_same(table, notebook):
    notebook.run("compare.divider = 0.25\ncompare.outlined = True")
    until(lambda: table.blue_from() == near(0.25), "the divider has moved")
    notebook.run("display(compare)")
    again = Table(notebook.page, notebook.last_cell).wait()
    until(lambda: (again.seen() == table.seen()).all(), "both views show the same")
    again.drag((0.25, 0.2), (0.6, 0.2))
    until(lambda: table.blue_from() == near(0.6), "the other view follows")


def test_a_reload_shows_the_same(lab, page):
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    notebook = lab.open(page, lab.blank("compared.ipynb"))
    notebook.run(CODE)
    notebook.run("compare = Compare(before, after)\ndisplay(compare)")
    table = Table(page, notebook.last_cell).wait()
    table.drag((0.5, 0.2), (0.3, 0.2))
    until(lambda: table.blue_from() == near(0.3), "the divider has moved")
    saved = notebook.save()
    assert len(saved) < 60_000
    assert b"image/jpeg" in saved
    page.reload()
    notebook = lab.opened(page)
    table = Table(page, page.locator(".jp-CodeCell").last).wait()
    assert table.blue_from() == near(0.3)
    table.drag((0.3, 0.2), (0.7, 0.2))
    until(lambda: table.blue_from() == near(0.7), "the divider goes on")
    assert not wrong


def test_in_voila(lab, page):
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    name = lab.blank("compare_app.ipynb")
    notebook = json.loads((lab.root / name).read_text())
    code = f"{CODE}\ncompare = Compare(before, after)\ndisplay(compare)"
    notebook["cells"] = [
        {"cell_type": "code", "id": "app", "source": code, "metadata": {}, "outputs": [],
         "execution_count": None}
    ]  # fmt: skip
    (lab.root / name).write_text(json.dumps(notebook))
    page.goto(f"{lab.url}voila/render/{name}", timeout=60_000)
    table = Table(page, page.locator("body")).wait()
    table.drag((0.5, 0.2), (0.3, 0.2))
    until(lambda: table.blue_from() == near(0.3), "the divider follows")
    table.page.keyboard.press("ArrowRight")
    until(lambda: table.blue_from() == near(0.32), "keys are heard")
    assert not wrong
