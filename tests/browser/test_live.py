"""The live view in a real JupyterLab: cells fill in while a cell runs, and Stop stops."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import expect

SETUP = """
import itertools, time
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.sweep import Sweep

def slow(image, mask, options, progress):
    for step in range(20):
        progress(step / 20)
        time.sleep(0.03)
    return image

picture = Image.radial_gradient("L").resize((192, 128))
request = ff.FillRequest(picture, ff.Mask.from_box(picture.size, (50, 50, 90, 90)))
client = ff.connect("local", engine=slow, store=None)
"""
# For the client's own call the cell is busy; of a handle it is over at once.
BUSY = "runs = client.sweep(Sweep(request, guidance=[10, 30], seed=range({count})))"
IDLE = "handle = client.start(Sweep(request, guidance=[10, 30], seed=range({count})))\nhandle"


@pytest.fixture
def run(lab, page):
    """Run a cell in a notebook of its own; return its outputs as the page has them."""
    numbers = iter(range(99))

    def run(code: str) -> None:
        name = f"live{id(page)}-{next(numbers)}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in (SETUP, code)]
        )
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.root / name)
        lab.open(page, name)
        page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")

    yield run
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def test_cells_fill_in_while_it_runs_and_a_picture_is_left(run, page):
    run(BUSY.format(count=4))
    done = page.locator(".ffnb-live .ffnb-done img")
    expect(done.first).to_be_visible(timeout=60_000)
    assert done.count() < 8, "it runs still"
    expect(page.locator(".ffnb-live figure")).to_have_count(8)
    expect(page.locator(".ffnb-live .ffnb-header", has_text="seed = 3")).to_be_visible()
    drawn = done.first.bounding_box()
    assert drawn["width"] / drawn["height"] == pytest.approx(192 / 128, rel=0.05)
    expect(page.locator(".jp-RenderedImage img")).to_be_visible(timeout=60_000)
    expect(page.locator(".ffnb-live")).to_have_count(0)


@pytest.mark.parametrize("code", [BUSY, IDLE], ids=["busy", "idle"])
def test_stop_stops(run, page, code):
    run(code.format(count=60))
    expect(page.locator(".ffnb-live .ffnb-done img").first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    words = page.get_by_text("Run the cell again to go on with what is missing.")
    expect(words).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_a_wider_grid_scrolls_inside_and_its_headers_stay_legible(run, page):
    run(BUSY.format(count=20))
    grid = page.locator(".ffnb-live .widget-gridbox")
    expect(page.locator(".ffnb-live .ffnb-done img").first).to_be_visible(timeout=60_000)
    assert grid.evaluate("grid => grid.scrollWidth > grid.clientWidth")
    assert page.locator(".ffnb-live").evaluate("view => view.scrollWidth <= view.clientWidth")
    header = page.locator(".ffnb-live .ffnb-header", has_text="guidance = 30")
    assert header.bounding_box()["width"] > 80


@pytest.mark.parametrize("width", [1400, 800])
def test_nothing_is_clipped_and_up_to_eight_columns_fit(run, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    run(BUSY.format(count=8))
    expect(page.locator(".ffnb-live .ffnb-done img").first).to_be_visible(timeout=60_000)
    header = page.locator(".ffnb-live .ffnb-header", has_text="guidance = 30")
    assert header.bounding_box()["width"] > 80
    for box in page.locator(".ffnb-live, .ffnb-live :is(.widget-box, .widget-gridbox)").all():
        room = box.evaluate("box => [box.scrollWidth - box.clientWidth, box.clientHeight]")
        assert room[0] <= 0
        assert room[1] > 0
