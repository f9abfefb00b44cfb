"""Whether everybody can read and reach what our widgets show, in light and in dark."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.conftest import Lab, Notebook
from tests.browser.looks import faint, tabbed, unnamed, widen
from tests.patience import until

CODE = """
import time
import fluxfill_nb as ff
from PIL import Image
from fluxfill_nb.options import FillOptions

def instant(image, mask, options, progress):
    return Image.composite(Image.new("RGB", image.size, "purple"), image, mask.to_pil())

def broken(image, mask, options, progress):
    raise RuntimeError("out of paint")

def slow(image, mask, options, progress):
    while running:
        progress(0.4, lambda: Image.new("RGB", image.size, "teal"))
        time.sleep(0.05)
    return image

def use(engine):
    studio.client = ff.connect("local", engine=engine, workers=2, store=None)

running = True
picture = Image.radial_gradient("L").resize((300, 200))
mask = ff.Mask.from_box(picture.size, (100, 50, 200, 150))
"""
STUDIO = """
studio = ff.Studio(picture, mask=mask, options=FillOptions("a red vase", seed=7),
                   client=ff.connect("local", engine=instant, store=None))
studio
"""
# A card of each kind, and all that is not always there.
FULL = """
for run in studio.fill(seeds=2):
    run.wait()
while len(studio.results) < 2 or studio.selected is None:
    time.sleep(0.01)
studio.selected = None
studio.star(studio.results[0])
use(broken)
studio.fill()
use(slow)
studio.fill(seeds=2)
while not any(fill.stage == "failed" for fill in studio.fills):
    time.sleep(0.01)
studio.fills[-1].stop()
studio.log = "Traceback"
studio.error = studio.painter.error = studio.panel.error = "It cannot be done."
studio.hint = "Nothing is painted yet."
studio.panel.explained = studio.panel.advanced = studio.panel.needs_key = True
studio.panel.code = "python"
studio.panel.problems = {"seed": "Must be a whole number, 0 or above."}
None
"""


@pytest.fixture(scope="module")
def opened(lab: Lab, chromium: Browser) -> Iterator[Notebook]:
    """One notebook for all: to open one takes longer than to look at it."""
    with chromium.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        notebook = lab.open(page, lab.blank("looks.ipynb"))
        notebook.run(CODE)
        yield notebook
        notebook.run("running = False")
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")


@pytest.fixture
def notebook(opened: Notebook) -> Notebook:
    opened.drop_cells()
    return opened


def show(notebook: Notebook, code: str) -> Locator:
    notebook.run(code)
    root = notebook.last_cell.locator(".ffnb-ui").first
    root.wait_for()
    return root


def assert_legible(root: Locator) -> None:
    """In both themes; when one has come, its colours take a while to settle."""
    for theme in ("Light", "Dark"):
        root.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {theme}",
        )
        root.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light",
            arg=str(theme == "Light").lower(),
        )
        until(lambda: not faint(root), f"legible: {theme}: {faint(root)}", 3)


def assert_reached(root: Locator) -> None:
    """By the Tab key: all of it, once, in the order in which it is seen, with a ring around it."""
    stops, reached, ringless = tabbed(root)
    names = [stop.name for stop in stops]
    assert not [name for number, name in enumerate(names) if number not in reached]
    assert len(reached) == len(set(reached))
    assert not ringless
    # What is beside something stands after it; what is in another bar may be anywhere.
    order = [stops[number] for number in reached]
    back = [
        f"{later.name} after {sooner.name}"
        for sooner, later in itertools.pairwise(order)
        if sooner.group == later.group and not sooner.is_before(later)
    ]
    assert not back


def test_the_studio_is_legible_and_all_in_it_has_a_name_and_is_reached(notebook: Notebook) -> None:
    root = show(notebook, STUDIO)
    notebook.run(FULL)
    root.get_by_text("running 40 %").wait_for()
    root.get_by_text("stopped").first.wait_for()
    until(lambda: not unnamed(root), "all has a name")
    assert_legible(root)
    for width in (1400, 800):
        widen(root, width)
        assert_reached(root)
    notebook.run("studio.stop()")


def test_an_empty_studio_too(notebook: Notebook) -> None:
    root = show(notebook, "ff.Studio(client=ff.connect('local', store=None))")
    until(lambda: not unnamed(root), "all has a name")
    assert_legible(root)


def test_the_painters_tools_are_legible_and_have_names(notebook: Notebook) -> None:
    root = show(notebook, "painter = ff.MaskPainter(picture, mask)\npainter")
    for tool in ("wand", "polygon"):
        notebook.run(f"painter.tool = {tool!r}; painter.is_open = painter.tool == 'polygon'")
        until(lambda: not unnamed(root), "all has a name")
        assert_legible(root)


def test_comparing_is_legible_and_has_names(notebook: Notebook) -> None:
    root = show(
        notebook,
        "compare = ff.Compare(picture, mask.to_pil(), picture, mask=mask, width=760)\ncompare",
    )
    for mode in ("swipe", "side", "flicker", "difference"):
        notebook.run(f"compare.mode = {mode!r}; compare.playing = False")
        until(lambda: not unnamed(root), "all has a name")
        assert_legible(root)
