"""The report in a real browser, from disk, with the mouse and with the keyboard."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import fluxfill_nb as ff
from fluxfill_nb.errors import ContentModerated
from fluxfill_nb.showing import Showing
from fluxfill_nb.sweep import Sweep, SweepResult

SIZE = (320, 240)
NOISE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE).resize(SIZE, Image.Resampling.BICUBIC)
MASK = ff.Mask.from_ellipse(SIZE, (120, 60, 220, 180))
PROMPT = "a {colour} vase <img src=x onerror=alert(1)> </script><script>alert(2)</script>"


def filled(request: ff.FillRequest, number: int) -> ff.FillResult:
    """Return a plain colour in the hole, and a drift of 9 levels around."""
    image = request.image.point(lambda value: min(255, value + 9))
    colour = tuple(np.random.default_rng(number).integers(0, 256, 3).tolist())
    image.paste(colour, mask=request.mask.to_pil())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    task = ff.FillTask(f"t{number}", "https://api.example.org/t", request)
    return ff.FillResult(
        task, buffer.getvalue(), "local engine: patches", seed=request.seed, duration=4.5, price=0.0
    )


@pytest.fixture(scope="module")
def runs() -> SweepResult:
    request = ff.FillRequest(PICTURE, MASK, PROMPT)
    sweep = Sweep(request, colour=["red", "blue"], guidance=[10, 30, 60], seed=range(4))
    outcomes = [filled(point.request, point.index) for point in sweep]
    outcomes[1] = ContentModerated("Refused: <b>bold</b>", task=outcomes[1].task)
    outcomes[6] = None
    runs = SweepResult(sweep, outcomes)
    runs.star(colour="red", guidance=10, seed=2, stars=3)
    return runs


@pytest.fixture
def report(runs, page, tmp_path) -> Iterator[Page]:
    """The report, opened from disk; nothing may go wrong, and nothing be asked for."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    path = runs.report(tmp_path / "sweep.html", quality=95)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("data:", path.as_uri()))
            else wrong.append(f"asked for {request.url}")
        ),
    )
    page.set_default_timeout(10_000)
    page.goto(path.as_uri())
    yield page
    assert wrong == []


def cell(page: Page, label: str):
    return page.get_by_role("button", name=label, exact=True)


def drawn(canvas: Locator, show: str) -> Image.Image:
    """Wait until a canvas shows what it should; return its pixels."""
    expect(canvas).to_have_attribute("data-shown", show)
    width, height, values = canvas.evaluate(
        """canvas => {
            const {width, height} = canvas;
            const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            return [width, height, Array.from(pixels)];
        }"""
    )
    array = np.array(values, np.uint8).reshape(height, width, 4)
    return Image.fromarray(array[:, :, :3])


def apart(image: Image.Image, wanted: Image.Image) -> float:
    return float(np.abs(np.asarray(image, float) - np.asarray(wanted, float)).mean())


def test_axes_can_be_switched(report):
    # The longest axis as columns, the next as rows, the third to choose from.
    expect(report.locator("#grid thead th")).to_have_text([f"seed = {seed}" for seed in range(4)])
    rows = [f"guidance = {guidance}" for guidance in (10, 30, 60)]
    expect(report.locator("#grid tbody th")).to_have_text(rows)
    tools = report.get_by_role("toolbar")
    tools.get_by_label("colour", exact=True).select_option("blue")
    expect(cell(report, "colour = blue, guidance = 10, seed = 0")).to_be_visible()
    tools.get_by_label("Rows", exact=True).select_option("colour")
    expect(report.locator("#grid tbody th")).to_have_text(["colour = red", "colour = blue"])
    expect(tools.get_by_label("Rows", exact=True)).to_be_focused()
    tools.get_by_label("guidance", exact=True).select_option("30")
    expect(cell(report, "colour = red, guidance = 30, seed = 1")).to_be_visible()
    # The same axis cannot be both: they change places.
    tools.get_by_label("Columns", exact=True).select_option("colour")
    expect(report.locator("#grid thead th")).to_have_text(["colour = red", "colour = blue"])
    rows = [f"seed = {seed}" for seed in range(4)]
    expect(report.locator("#grid tbody th")).to_have_text(rows)
    tools.get_by_label("Rows", exact=True).select_option("–")
    expect(report.locator("#grid .cell")).to_have_count(2)


@pytest.mark.parametrize(
    ("name", "show"),
    [("Fill", "composited"), ("Raw", "raw"), ("Difference", "difference"), ("Crop", "crop")],
)
def test_the_page_draws_what_the_package_draws(report, runs, name, show):
    report.get_by_text(name, exact=True).click()
    image = drawn(report.locator("#grid canvas").first, show)
    result = runs.sel(colour="red", guidance=10, seed=0).one
    wanted = Showing().picture(result, image.size, show)
    assert apart(image, wanted) < (9 if show == "difference" else 3)


def test_failed_and_missing_cells_say_why(report):
    moderated = cell(
        report, "colour = red, guidance = 10, seed = 1: moderated: Refused: <b>bold</b>"
    )
    expect(moderated).to_contain_text("Refused: <b>bold</b>")
    expect(cell(report, "colour = red, guidance = 30, seed = 2: missing")).to_be_visible()
    moderated.click()
    expect(report.get_by_role("dialog")).to_contain_text("moderated: Refused: <b>bold</b>")


def test_what_failed_says_why_in_a_small_cell_too(report):
    report.get_by_label("Size").fill("80")
    moderated = report.locator(".cell.bad")
    word, reason = (moderated.locator(part).bounding_box() for part in ("strong", "small"))
    assert word["y"] + word["height"] <= reason["y"]
    moderated.hover()
    expect(report.get_by_role("tooltip")).to_contain_text("moderatedRefused: <b>bold</b>")


def test_headings_stay_in_sight(report):
    report.set_viewport_size({"width": 700, "height": 500})
    report.get_by_label("Size").fill("400")
    last = cell(report, "colour = red, guidance = 60, seed = 3")
    cell(report, "colour = red, guidance = 10, seed = 0").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        report.keyboard.press(key)
    expect(last).to_be_focused()
    tools = report.get_by_role("toolbar")
    for heading in (
        report.locator("#grid thead th", has_text="seed = 3"),
        report.locator("#grid tbody th", has_text="guidance = 60"),
        tools.get_by_label("Rows", exact=True),
    ):
        expect(heading).to_be_in_viewport(ratio=0.9)
    above = report.locator("#grid thead th").first.bounding_box()["y"]
    bar = tools.bounding_box()
    assert bar["y"] == 0
    assert above >= bar["height"] - 1


def test_many_columns_are_seen_at_once(page, tmp_path):
    request = ff.FillRequest(PICTURE, MASK, "a vase")
    sweep = Sweep(request, seed=range(8))
    runs = SweepResult(sweep, [filled(point.request, point.index) for point in sweep])
    page.set_viewport_size({"width": 1300, "height": 800})
    page.goto(runs.report(tmp_path / "wide.html").as_uri())
    expect(cell(page, "seed = 7")).to_be_in_viewport(ratio=1)


def test_hovering_and_focus_show_the_settings(report):
    tip = report.get_by_role("tooltip")
    expect(tip).to_be_hidden()
    cell(report, "colour = red, guidance = 30, seed = 1").hover()
    expect(tip).to_contain_text("guidance30")
    expect(tip).to_contain_text("a red vase <img src=x onerror=alert(1)>")
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["y"] + box["height"] <= 900
    report.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    cell(report, "colour = red, guidance = 10, seed = 0").focus()
    expect(tip).to_contain_text("seed0")


def test_stars_are_shown_and_said(report):
    expect(cell(report, "colour = red, guidance = 10, seed = 2, 3 stars")).to_be_visible()
    expect(report.locator(".stars", has_text="★★★")).to_be_visible()


def test_the_keyboard_is_enough(report, runs):
    report.get_by_label("Size").focus()
    report.keyboard.press("Tab")  # one stop for the whole grid
    expect(cell(report, "colour = red, guidance = 10, seed = 0")).to_be_focused()
    report.keyboard.press("ArrowDown")
    report.keyboard.press("ArrowRight")
    expect(cell(report, "colour = red, guidance = 30, seed = 1")).to_be_focused()
    report.keyboard.press("Enter")
    heading = report.locator("#names")
    expect(heading).to_have_text("colour = red, guidance = 30, seed = 1")
    after = drawn(report.locator("#stage canvas"), "composited")
    report.keyboard.press("b")
    before = drawn(report.locator("#stage canvas"), "before")
    result = runs.sel(colour="red", guidance=30, seed=1).one
    assert apart(after, result.image.resize(after.size)) < 3
    assert apart(before, PICTURE.resize(before.size)) < 5  # but for the mask's rim
    assert apart(before, after) > 5
    report.keyboard.press("ArrowLeft")
    expect(heading).to_have_text("colour = red, guidance = 30, seed = 0")
    report.keyboard.press("Escape")
    expect(report.get_by_role("dialog")).to_be_hidden()
    expect(cell(report, "colour = red, guidance = 30, seed = 0")).to_be_focused()


def test_two_cells_are_compared(report):
    cell(report, "colour = red, guidance = 10, seed = 0").focus()
    report.keyboard.press("c")
    expect(report.locator("td.marked")).to_have_count(1)
    report.keyboard.press("ArrowDown")
    report.keyboard.press("c")
    dialog = report.get_by_role("dialog")
    expect(dialog.locator("canvas")).to_have_count(2)
    expect(dialog.locator(".differs")).to_contain_text(["10 | 30"])
    expect(dialog.locator("h2")).to_have_text("guidance = 10 | guidance = 30")
    first, second = (part.bounding_box() for part in dialog.locator("canvas").all())
    assert first["x"] + first["width"] < second["x"]
    report.keyboard.press("s")
    drawn(report.locator("#stage canvas").last, "composited")
    first, second = (part.bounding_box() for part in dialog.locator("canvas").all())
    assert first == second
    slider = report.get_by_label("Where one picture ends and the other begins")
    slider.fill("25")
    clip = report.locator("#stage canvas").last.evaluate("canvas => canvas.style.clipPath")
    assert "25%" in clip
    dialog.get_by_role("button", name="Close").click()
    expect(report.locator("td.marked")).to_have_count(0)


def test_the_mouse_can_compare_too(report):
    for label in ("colour = red, guidance = 10, seed = 0", "colour = red, guidance = 30, seed = 1"):
        field = report.locator("td", has=cell(report, label))
        field.hover()
        field.get_by_text("compare").click()
    expect(report.get_by_role("dialog").locator("canvas")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(report, scheme):
    report.emulate_media(color_scheme=scheme)
    found = report.evaluate(
        """() => ["h1", "p", "#grid th", "select", ".cell.bad", ".choice label"].map(name => {
            let paper = document.querySelector(name);
            const ink = getComputedStyle(paper).color;
            const see_through = each => getComputedStyle(each).backgroundColor.endsWith(", 0)");
            while (see_through(paper)) paper = paper.parentElement;
            return [name, ink, getComputedStyle(paper).backgroundColor];
        })"""
    )
    for name, ink, paper in found:
        assert contrast(ink, paper) >= 4.5, (name, ink, paper)


def contrast(one: str, other: str) -> float:
    """Contrast of two CSS colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in colour[4:-1].split(",")]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_on_a_small_screen_nothing_sticks_out(report):
    report.set_viewport_size({"width": 420, "height": 800})
    wide = report.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 420
    cell(report, "colour = red, guidance = 10, seed = 0").click()
    box = report.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 420
