"""The notebooks of sweeps in a real browser: what is seen while they run, and what they leave."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def opened(lab, page):
    """Open a notebook of ours, in the folder that all tests here share, and no others."""
    folder = lab.root / "sweeps"
    folder.mkdir(exist_ok=True)

    def opened(name: str):
        shutil.copy(NOTEBOOKS / name, folder)
        return lab.open(page, f"sweeps/{name}")

    yield opened
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def pictures_seen(cells, page):
    """Check that nothing failed, and wait until all pictures are drawn; return their number."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    kinds = [output.get("data", {}).keys() for output in outputs]
    # Where there is a widget, it is seen instead.
    shown = [each for each in kinds if {"image/jpeg", "image/png"} & each and WIDGET not in each]
    page.wait_for_function(
        """count => {
            const drawn = [...document.querySelectorAll('.jp-RenderedImage img')];
            return drawn.length >= count && drawn.every(picture => picture.naturalWidth > 300);
        }""",
        arg=len(shown),
    )
    return len(shown)


def test_sweeps_fill_in_live_and_leave_pictures(opened, page):
    notebook = opened("02_sweeps.ipynb")
    page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator(".ffnb-live .ffnb-done img").first).to_be_visible(timeout=90_000)
    assert page.locator(".ffnb-live figure").count() >= 12
    last = page.locator(".jp-CodeCell", has_text="client.store.find")
    expect(last.locator(".jp-RenderedHTMLCommon table")).to_be_visible(timeout=180_000)
    expect(page.locator(".ffnb-live")).to_have_count(0)
    expect(page.get_by_text("0 of 12 are there already, 12 to send: free")).to_be_visible()
    # Nothing between two dollars is taken for a formula.
    notebook.run("sweep")
    expect(page.get_by_text("$0.60 on the hosted service ($0.05 a fill)")).to_be_visible()
    expect(page.get_by_text("(34 fills at $0.05)")).to_be_visible()
    expect(page.locator("mjx-container")).to_have_count(0)
    cells = page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON().cells")
    assert pictures_seen(cells, page) == 9
    assert notebook.json("len(client.store)") == 34


def test_comparing_shows_a_picture_for_each_look_within_the_page(opened, page):
    notebook = opened("03_compare_and_choose.ipynb")
    assert pictures_seen(notebook.run_all(), page) == 6
    expect(page.locator(".ffnb-compare canvas").first).to_be_visible()
    for picture in page.locator(".jp-RenderedImage img").all():
        frame = picture.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")
        assert picture.bounding_box()["width"] <= frame.bounding_box()["width"] + 1
