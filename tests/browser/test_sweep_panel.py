"""The sweep panel in JupyterLab and as an app: typed, run, stopped, gone on with, looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Lab, Notebook
from tests.browser.looks import faint
from tests.patience import until

SETUP = """
import tempfile, threading, time
from IPython.display import display
from ipywidgets import Box
from PIL import Image
from skimage import data
import fluxfill_nb as ff

picture = ff.open_image(data.coffee()).resize((300, 200))
request = ff.FillRequest(picture, ff.Mask.from_ellipse(picture.size, (165, 90, 240, 165)), "cup")
places = threading.Semaphore(0)

def gated(image, mask, options, progress):
    while not places.acquire(timeout=0.05):
        progress(0.5, lambda: image)
    colour = (options.seed * 60 % 256, int(options.guidance * 2), 160)
    return Image.composite(Image.new("RGB", image.size, colour), image, mask.to_pil())

def client(store=True):
    key = "-".join(("typed", "key", "5f1e"))
    server = ff.LocalServer(gated, keys=[key], credits=1000)
    return ff.FluxFill(
        key, transport=server.transport, base_url="http://example.org", price=0.05,
        store=tempfile.mkdtemp() if store else None, service="a service with prices",
    )
"""
# What sticks out of the panel.
MISPLACED = """panel => {
    const box = panel.getBoundingClientRect();
    return [...panel.querySelectorAll("button, input, select, textarea, img, pre, p, b, span")]
        .filter(element => element.checkVisibility() && !element.closest(".ffnb-place"))
        .filter(element => {
            const {left, right, width} = element.getBoundingClientRect();
            return width > 1 && (left < box.left - 0.5 || right > box.right + 0.5);
        }).map(element => element.outerHTML.slice(0, 90));
}"""
SMALL = """panel => [...panel.querySelectorAll("button, input, select, textarea")]
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().width > 1)
    .filter(element => {
        const {width, height} = element.getBoundingClientRect();
        return Math.min(width, height) < 27.9;
    }).map(element => element.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, chromium: Browser) -> Iterator[Notebook]:
    wrong: list[str] = []
    with chromium.new_context(viewport={"width": 1400, "height": 1400}) as context:
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(20_000)
        notebook = lab.open(page, lab.blank("sweep_panel.ipynb"))
        page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
        notebook.run(SETUP)
        yield notebook
        assert not wrong


@pytest.fixture
def show(notebook: Notebook) -> Iterator[Callable[..., Locator]]:
    """Show a new panel in a new cell."""

    def show(axes: str = "", width: str = "100%", setup: str = "") -> Locator:
        notebook.run(
            "places = threading.Semaphore(0)\n"
            f"panel = ff.SweepPanel(request, client=client(){axes})\n"
            f"{setup}\ndisplay(Box([panel], layout={{'width': '{width}'}}))"
        )
        found = notebook.last_cell.locator(".ffnb-sweeper")
        found.wait_for()
        return found

    yield show
    notebook.run("panel.stop(); places.release(1000); panel.close()")
    notebook.drop_cells()


def enter(panel: Locator, label: str, text: str) -> None:
    field = panel.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


def button(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("button", name=name, exact=True)


def run_two_by_three(panel: Locator, price: bool = True) -> None:
    """Type the axes, and see what that makes, before it is run."""
    outlook = panel.locator(".ffnb-outlook")
    expect(outlook).to_contain_text("1 fill")
    enter(panel, "Guidance", "10, 30")
    expect(outlook).to_contain_text("2 fills")
    enter(panel, "Seed", "0-2")
    expect(outlook).to_contain_text("6 fills")
    expect(outlook).to_contain_text("2 rows Guidance")
    expect(outlook).to_contain_text("3 columns Seed")
    expect(outlook).to_contain_text("$0.30" if price else "free")
    button(panel, "Run 6 fills").click()
    expect(panel.locator(".ffnb-cell")).to_have_count(6)


def test_pictures_of_one_axis_stand_side_by_side(show):
    panel = show(", seed=[1, 2, 3]")
    button(panel, "Run 3 fills").click()
    cells = panel.locator(".ffnb-cell")
    expect(cells).to_have_count(3)
    boxes = [cell.bounding_box() for cell in cells.all()]
    assert len({box["y"] for box in boxes}) == 1
    assert len({box["x"] for box in boxes}) == 3


def test_typed_run_stopped_gone_on_with_and_starred(show, notebook):
    panel = show()
    run_two_by_three(panel)
    done = panel.locator(".ffnb-cell .ffnb-done img")
    notebook.run("places.release(2)")
    expect(done).to_have_count(2)
    expect(panel.locator(".ffnb-header", has_text="seed = 2")).to_be_visible()
    # A cell that would go on for as long as the button is not heard.
    busy = (
        "for _ in range(600):\n    if panel.state == 'stopped':\n        break\n    time.sleep(0.1)"
    )
    notebook.run(f"{busy}\nelse:\n    raise RuntimeError('Stop is not heard')", wait=False)
    expect(button(panel, "Stop")).to_be_enabled()
    button(panel, "Stop").click()
    expect(panel.get_by_text("Stopped: 2 of 6 are done. Resume sends what")).to_be_visible()
    assert notebook.json("panel.state") == "stopped"
    notebook.run("places.release(4)")
    button(panel, "Resume 4").click()
    expect(done).to_have_count(6)
    notebook.until("panel.state", "done")
    expect(panel.locator(".ffnb-outlook")).to_contain_text("All are in the store")
    # Each was sent and paid for once.
    assert notebook.json("panel.client.credits()") == 1000 - 6 * 5
    star = panel.get_by_role("button", name=re.compile("^Star .*seed=1$")).first
    star.click()
    notebook.until(
        "len(panel.result.best) if panel.result.stars(panel.plan.sweep.points[1]) else 0", 1
    )
    expect(panel.locator(".fa-ffnb-starred")).to_have_count(1)


def test_the_saved_notebook_is_small_and_has_no_key(show, notebook):
    panel = show(", guidance=[10, 30], seed=range(3)", setup="panel.shows_code = True")
    notebook.run("places.release(6); panel.run(); None")
    expect(panel.locator(".ffnb-cell .ffnb-done img")).to_have_count(6)
    command = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
    notebook.page.evaluate("name => jupyterapp.commands.execute(name)", command)
    enter(panel, "Steps", "20")
    saved = notebook.save()
    notebook.page.evaluate("name => jupyterapp.commands.execute(name)", command)
    print(f"saved with widget state: {len(saved)} bytes")
    assert b"application/vnd.jupyter.widget-state+json" in saved
    assert b"Run 6 fills" in saved
    assert len(saved) < 200_000
    assert b"typed-key-5f1e" not in saved


def test_a_page_that_is_loaded_anew_shows_it_again(lab: Lab, page: Page):
    page.set_default_timeout(20_000)
    notebook = lab.open(page, lab.blank("sweep_panel_again.ipynb"))
    notebook.run(f"{SETUP}\nplaces.release(12)\npanel = ff.SweepPanel(request, client=client())")
    notebook.run("panel.vary(seed=range(3)); display(panel); panel.run(); None")
    done = page.locator(".ffnb-sweeper .ffnb-cell .ffnb-done img")
    expect(done).to_have_count(3)
    notebook.run("panel.vary(guidance=[10, 30]); panel.run(); None")
    expect(done).to_have_count(6)
    notebook.until("panel.state", "done")
    notebook.save()
    page.reload()
    lab.opened(page)
    expect(done).to_have_count(6)
    panel = page.locator(".ffnb-sweeper")
    expect(panel.get_by_label("Seed", exact=True)).to_have_value("0-2")
    button(panel, "Run 6 fills").click()
    expect(panel.get_by_text("6/6 done (6 were there)")).to_be_visible()


def test_a_wrong_value_is_marked_at_its_field(show, notebook):
    panel = show(", seed=range(3)")
    enter(panel, "Guidance", "10, 400")
    rule = "400 is out of range: give numbers from 1.5 to 100."
    expect(panel.locator(".ffnb-field-guidance").get_by_role("alert")).to_have_text(rule)
    expect(panel.get_by_role("status").filter(visible=True)).to_have_text(f"Guidance: {rule}")
    expect(button(panel, "Run")).to_be_disabled()
    enter(panel, "Guidance", "10, 40")
    expect(button(panel, "Run 6 fills")).to_be_enabled()
    expect(panel.get_by_role("alert").filter(visible=True)).to_have_count(0)


def test_places_and_other_settings_are_chosen(show, notebook):
    panel = show(", guidance=[10, 30], seed=range(3)")
    panel.get_by_label("Guidance in", exact=True).select_option("columns")
    expect(panel.get_by_label("Seed in", exact=True)).to_have_value("rows")
    expect(panel.locator(".ffnb-outlook")).to_contain_text("3 rows Seed")
    panel.get_by_label("Vary also", exact=True).select_option("Safety tolerance")
    enter(panel, "Safety tolerance", "0-6")
    expect(button(panel, "Run 42 fills")).to_be_visible()
    notebook.until("panel.plan.options['panel']", "safety_tolerance")
    button(panel, "Do not vary Safety tolerance").click()
    expect(button(panel, "Run 6 fills")).to_be_visible()
    enter(panel, "Seed", "4 random")
    expect(panel.get_by_label("Seed", exact=True)).to_have_value(re.compile(r"^\d+(, \d+){3}$"))
    assert (
        notebook.json("panel.entries['seed']")
        == panel.get_by_label("Seed", exact=True).input_value()
    )


def test_a_click_reacts_at_once(show, notebook):
    panel = show(", guidance=[10, 30], seed=range(3)")
    expect(button(panel, "Run 6 fills")).to_be_enabled()
    waited = panel.evaluate(
        """async panel => {
            const run = [...panel.querySelectorAll("button")].find(
                each => each.textContent.includes("Run 6 fills"));
            const began = performance.now();
            run.click();
            while (!run.disabled) await new Promise(requestAnimationFrame);
            const pressed = performance.now() - began;
            while (panel.querySelectorAll(".ffnb-cell").length < 6)
                await new Promise(requestAnimationFrame);
            return [pressed, performance.now() - began];
        }"""
    )
    print("click to button, and to grid, ms:", [round(each) for each in waited])
    assert waited[0] < 1500


FULL = """
panel.shows_code = True
panel.enter("output_format", "jpeg, png")
panel.enter("steps", "99")
panel.budget = 1
panel.error = "Something went wrong: do that."
"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_texts_can_be_read(show, notebook, theme):
    notebook.page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
        f"JupyterLab {theme}",
    )
    notebook.page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(
        state="attached"
    )
    panel = show(
        ", guidance=[10, 30], seed=range(3)", setup=f"places.release(6); panel.run(){FULL}"
    )
    panel.get_by_text("Something went wrong").wait_for()
    expect(panel.locator(".ffnb-cell .ffnb-done img")).to_have_count(6)
    until(lambda: not faint(panel), f"legible: {faint(panel)}", 3)


@pytest.mark.parametrize("width", ["300px", "360px", "560px", "760px", "100%"])
def test_nothing_sticks_out_and_all_can_be_hit(show, width):
    panel = show(", guidance=[10, 30], seed=range(3)", width, FULL)
    panel.get_by_text("Something went wrong").wait_for()
    assert panel.evaluate(MISPLACED) == []
    assert panel.evaluate(SMALL) == []
    for column in (
        ".ffnb-axisrow :is(input, textarea), .ffnb-axisrow > .ffnb-line-field select",
        ".ffnb-where:not(.ffnb-off) select",
    ):
        ends = panel.locator(column).evaluate_all(
            "fields => fields.map(each => Math.round(each.getBoundingClientRect().right))"
        )
        assert len(ends) > 1
        assert len(set(ends)) == 1


def test_in_voila_what_is_pressed_is_done(lab: Lab, page: Page):
    name = lab.blank("sweep_app.ipynb")
    app = json.loads((lab.root / name).read_text())
    source = SETUP + "places.release(6)\npanel = ff.SweepPanel(request, client=client())\npanel"
    app["cells"] = [
        {"cell_type": "code", "id": "app", "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
    ]  # fmt: skip
    (lab.root / name).write_text(json.dumps(app))
    page.set_default_timeout(20_000)
    page.goto(f"{lab.url}voila/render/{name}", timeout=60_000)
    panel = page.locator(".ffnb-sweeper")
    panel.wait_for(timeout=60_000)
    run_two_by_three(panel)
    expect(panel.locator(".ffnb-cell .ffnb-done img")).to_have_count(6, timeout=30_000)
    assert panel.evaluate(MISPLACED) == []
