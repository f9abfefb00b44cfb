"""The parameter panel in JupyterLab and Chromium: mouse, keys, what is seen, what is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import Lab, Notebook
from tests.browser.looks import faint
from tests.patience import until

SETUP = """
from IPython.display import display
from ipywidgets import Box
import fluxfill_nb as ff
from fluxfill_nb import services
from fluxfill_nb.widgets.panel import ParameterPanel

server = ff.LocalServer(keys=["-".join(("typed", "key", "5f1e"))], credits=812)
connect = services.connect

def to_server(service=None, **options):
    "The hosted service is played by a server in this kernel."
    if service == "hosted" and options.get("api_key"):
        return ff.FluxFill(options["api_key"], transport=server.transport)
    return connect(service, **options)

services.connect = to_server
"""
# The text that the browser has selected.
SELECTED = "() => getSelection().toString()"
# What sticks out of the panel, and words at the sliders that touch.
MISPLACED = """panel => {
    const box = panel.getBoundingClientRect(), wrong = [];
    for (const element of panel.querySelectorAll("button, input, textarea, i, label, pre, span")) {
        const {left, right, width} = element.getBoundingClientRect();
        if (width > 1 && (left < box.left || right > box.right + 0.5))
            wrong.push("sticks out: " + element.outerHTML.slice(0, 80));
    }
    for (const marks of panel.querySelectorAll(".ffnb-marks div")) {
        const boxes = [...marks.children].map(mark => mark.getBoundingClientRect()).filter(
            mark => mark.width);
        boxes.slice(1).forEach((mark, at) => {
            if (mark.left < boxes[at].right + 2) wrong.push("touch: " + marks.textContent);
        });
    }
    return wrong;
}"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, chromium: Browser, wrong: list[str]) -> Iterator[Notebook]:
    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    with chromium.new_context(viewport={"width": 1400, "height": 1600}) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", note)
        notebook = lab.open(context.new_page(), lab.blank("panel.ipynb"))
        notebook.run(SETUP)
        yield notebook


@pytest.fixture
def show(notebook: Notebook, wrong: list[str]) -> Iterator[Callable[..., Locator]]:
    """Show a new panel in a new cell; at the end nothing may have gone wrong."""

    def show(width: int = 420, setup: str = "") -> Locator:
        notebook.run(
            f"panel = ParameterPanel()\n{setup}\n"
            f"display(Box([panel], layout={{'width': '{width}px'}}))"
        )
        found = notebook.page.locator(".jp-CodeCell").last.locator(".ffnb-panel")
        found.wait_for()
        return found

    wrong.clear()
    yield show
    notebook.run("panel.close()")
    notebook.drop_cells()
    assert not wrong


@pytest.fixture
def panel(show: Callable[..., Locator]) -> Locator:
    return show()


def is_set(notebook: Notebook, **wanted: Any) -> None:
    """Wait until the panel's options have these values."""
    for name, value in wanted.items():
        notebook.until(f"panel.options.{name}", value)
    assert notebook.json("panel.error") == ""


def drag(page: Page, handle: Locator, to: tuple[float, float]) -> None:
    box = handle.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(*to, steps=8)
    page.mouse.up()


def middle(mark: Locator) -> tuple[float, float]:
    box = mark.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] - 12


def test_the_slider_is_dragged_to_its_marks(panel, notebook):
    row = panel.locator(".ffnb-field-guidance")
    for mark in (30, 10, 3, 60):
        drag(notebook.page, row.locator(".noUi-handle"),
             middle(row.get_by_text(str(mark), exact=True)))  # fmt: skip
        notebook.until(f"abs(panel.options.guidance / {mark} - 1) <= 0.05", True)
        shown = row.get_by_role("spinbutton", name="Guidance").input_value()
        assert abs(float(shown) / mark - 1) <= 0.05
    for end, wanted in ((-2000, 1.5), (2000, 100)):
        drag(notebook.page, row.locator(".noUi-handle"), (1400 + end, 400))
        is_set(notebook, guidance=wanted)


def test_all_is_set_by_hand(panel, notebook):
    panel.get_by_label("Prompt", exact=True).fill("a terracotta vase")
    panel.get_by_role("button", name="Draft").click()
    is_set(notebook, prompt="a terracotta vase", steps=15)
    guidance = panel.get_by_role("spinbutton", name="Guidance")
    guidance.fill("400")
    guidance.press("Enter")
    is_set(notebook, guidance=100)
    expect(guidance).to_have_value("100")
    panel.get_by_role("checkbox", name="Prompt upsampling").check()
    panel.get_by_role("button", name="PNG").click()
    panel.get_by_role("spinbutton", name="Safety tolerance").fill("6")
    seed = panel.get_by_label("Seed", exact=True)
    seed.fill("12345678901234567890123")
    seed.press("Enter")
    is_set(
        notebook, prompt_upsampling=True, output_format="png", safety_tolerance=6,
        seed=12345678901234567890123,
    )  # fmt: skip
    notebook.json("panel.update(prompt='in code', steps=33)")
    expect(panel.get_by_label("Prompt", exact=True)).to_have_value("in code")
    expect(panel.get_by_role("spinbutton", name="Steps")).to_have_value("33")
    panel.get_by_role("button", name="Reset").click()
    is_set(notebook, prompt="in code", steps=50, seed=None, output_format="jpeg")
    expect(seed).to_have_value("")


def test_dice_lock_and_fills(panel, notebook):
    seed = panel.get_by_label("Seed", exact=True)
    panel.get_by_role("button", name="New seed").click()
    expect(seed).not_to_have_value("")
    drawn = int(seed.input_value())
    assert notebook.json("panel.next_options().seed") == drawn
    assert notebook.json("panel.next_options().seed") != drawn
    expect(seed).to_have_value(str(notebook.json("panel.options.seed")))
    panel.get_by_role("button", name="Lock seed").click()
    notebook.until("panel.seed_locked", True)
    assert notebook.json("panel.next_options().seed") == int(seed.input_value())


def test_what_cannot_be_used_is_marked_until_it_is_mended(panel, notebook):
    seed = panel.get_by_label("Seed", exact=True)
    seed.fill("seven")
    seed.press("Tab")
    alert = panel.get_by_role("alert").filter(visible=True)
    expect(alert).to_have_text("Must be a whole number, or empty.")
    panel.get_by_role("spinbutton", name="Steps").fill("20")
    panel.get_by_role("spinbutton", name="Steps").press("Enter")
    is_set(notebook, steps=20, seed=None)
    expect(seed).to_have_value("seven")
    seed.fill("7")
    seed.press("Enter")
    is_set(notebook, seed=7)
    expect(alert).to_have_count(0)


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
@pytest.mark.parametrize("name", ["Python", "curl"])
def test_the_text_is_selected_at_once_and_copied(show, notebook, way, name):
    panel = show(setup="panel.update(prompt='a vase <b>', guidance=30)")
    page = notebook.page
    panel.get_by_role("button", name=name, exact=True).click()
    text = panel.get_by_role("textbox", name=f"The settings as {name.lower()}")
    text.wait_for()
    if way == "mouse":
        text.click()
    else:
        page.keyboard.press("Tab")
        if name == "Python":  # curl's button is between
            page.keyboard.press("Tab")
        expect(text).to_be_focused()
        page.keyboard.press("Control+a")
    wanted = notebook.json(f"panel.to_{name.lower()}()")
    assert page.evaluate(SELECTED) == wanted
    page.keyboard.press("Control+c")
    assert page.evaluate("() => navigator.clipboard.readText()") == wanted


def test_a_key_and_a_secret_are_typed_and_saved_nowhere(show, notebook):
    panel = show(setup="panel.advanced = True")
    page = notebook.page
    secret = panel.get_by_label("Webhook secret")
    secret.fill("whsec-9c3d")
    secret.press("Enter")
    notebook.until("panel.options.webhook_secret.get_secret_value()", "whsec-9c3d")
    expect(secret).to_have_value("")
    panel.get_by_role("button", name="Hosted").click()
    key = panel.get_by_label("API key")
    assert key.get_attribute("type") == "password"
    key.fill("typed-key-5f1e")
    key.press("Enter")
    expect(key).to_be_hidden()
    expect(panel.get_by_text("812 credits left ($8.12)")).to_be_visible()
    assert key.input_value() == ""
    panel.get_by_role("button", name="curl").click()
    panel.locator("pre").wait_for()
    # With the state of all widgets, as the menu's "Save Widget State Automatically" has it.
    page.evaluate(
        "() => jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
    )
    notebook.json("panel.update(prompt='saved with the notebook')")
    expect(panel.get_by_label("Prompt", exact=True)).to_have_value("saved with the notebook")
    saved = notebook.save()
    assert b"application/vnd.jupyter.widget-state+json" in saved
    assert b"saved with the notebook" in saved
    for secret_text in (b"whsec-9c3d", b"typed-key-5f1e"):
        assert secret_text not in saved
    page.evaluate(
        "() => jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
    )


FULL = """
panel.explained = panel.advanced = True
panel.code = "curl"
panel.connect("hosted")
panel._typed("webhook_url", "nonsense")
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
    panel = show(setup=FULL)
    panel.get_by_text("Something went wrong").wait_for()
    until(lambda: not faint(panel), f"legible: {faint(panel)}", 3)


@pytest.mark.parametrize("width", [240, 300, 360, 460])
def test_nothing_sticks_out_and_all_can_be_hit(show, width):
    panel = show(width, FULL)
    panel.get_by_text("Something went wrong").wait_for()
    box = panel.bounding_box()
    assert box is not None
    assert box["width"] == width
    assert panel.evaluate(MISPLACED) == []
    for button in panel.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 28


def test_in_voila_what_is_pressed_is_done(lab, page):
    name = lab.blank("panel_app.ipynb")
    app = json.loads((lab.root / name).read_text())
    source = "from fluxfill_nb.widgets.panel import ParameterPanel\nParameterPanel()"
    app["cells"] = [
        {"cell_type": "code", "id": "app", "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
    ]  # fmt: skip
    (lab.root / name).write_text(json.dumps(app))
    page.goto(f"{lab.url}voila/render/{name}", timeout=60_000)
    panel = page.locator(".ffnb-panel")
    panel.wait_for(timeout=60_000)
    panel.get_by_role("button", name="Sample").click()
    expect(panel.get_by_role("spinbutton", name="Guidance")).to_have_value("30")
    panel.get_by_role("button", name="New seed").click()
    expect(panel.get_by_label("Seed", exact=True)).not_to_have_value("")
    panel.get_by_role("button", name="Python").click()
    expect(panel.locator("pre")).to_contain_text("guidance=30")
    assert panel.evaluate(MISPLACED) == []
    assert not faint(panel)
