"""The pictures of the README and the documentation, made anew: `make pictures`.

Of what people see in JupyterLab, in a real browser, by the local engine, over photographs that
come with scikit-image.
"""

from __future__ import annotations

import io
import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, sync_playwright
from skimage import data

import fluxfill_nb as ff

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from sample import PICTURE, fill_sample  # noqa: E402

from tests.browser.conftest import Lab, Notebook  # noqa: E402
from tests.browser.easel import Easel, until  # noqa: E402

CHROMIUM = runpy.run_path(str(ROOT / "scripts" / "chromium.py"))
# Device px for a CSS px: legible where the picture is shown half as wide.
SCALE = 2
# Of figures, where a page has 100.
DPI = 120
WIDEST = 1760
LARGEST = 250_000
TEA = (187, 27, 400, 194)
# What covers the spoon: its bowl, and its handle up to where the brush is now.
BOWL = [(352, 268), (382, 262), (348, 287), (386, 284), (352, 308), (380, 304)]
HANDLE = [(390, 240), (396, 205), (404, 160)]
START = """
import fluxfill_nb as ff
from skimage import data
client = ff.connect("local", store=None)
"""


def main() -> None:
    """Make all of them."""
    fill_sample(PICTURE)
    grid()
    with tempfile.TemporaryDirectory() as home, in_browser() as browser:
        lab = Lab(Path(home))
        try:
            for make in (painter, studio, compare):
                with browser.new_context(
                    viewport={"width": 1320, "height": 1600}, device_scale_factor=SCALE
                ) as context:
                    name = make.__name__
                    page = context.new_page()
                    notebook = lab.open(page, lab.blank(f"{name}.ipynb"))
                    page.evaluate(
                        "() => jupyterapp.commands.execute('application:toggle-left-area')"
                    )
                    notebook.run(START)
                    keep(make(notebook), DOCS / f"{name}.jpg")
        finally:
            lab.stop()


def grid() -> None:
    """A sweep over guidance and seeds, as `runs.grid` shows it."""
    image = ff.open_image(data.coffee())
    mask = ff.Mask.from_ellipse(image.size, TEA)
    request = ff.FillRequest(image, mask, "a cup of red tea", steps=15)
    with ff.connect("local", store=None) as client:
        runs = client.start(ff.Sweep(request, guidance=[2, 5, 30], seed=range(4))).wait()
    if runs.errors:
        raise next(iter(runs.errors.values()))
    with tempfile.TemporaryDirectory() as home:
        drawn = runs.grid(row="guidance", col="seed", show="crop").save(
            Path(home, "grid.png"), dpi=DPI
        )
        keep(Image.open(drawn), DOCS / "grid.jpg")


def painter(notebook: Notebook) -> Locator:
    """A spoon painted over in part, the brush on its way."""
    notebook.run("painter = ff.MaskPainter(data.coffee())\npainter")
    cell = notebook.last_cell
    easel = Easel(notebook.page, cell, (600, 400)).wait()
    notebook.run("painter.brush_size = 34")
    easel.drag(BOWL)
    notebook.until("len(painter.log)", 1)
    easel.drag(HANDLE)
    notebook.until("len(painter.log)", 2)
    show_pointer(easel, HANDLE[-1])
    return easel.frame


def studio(notebook: Notebook) -> Locator:
    """A cup painted over, and what a few seeds and settings made of it."""
    notebook.run(
        "from fluxfill_nb.options import FillOptions\n"
        "studio = ff.Studio(data.coffee(), client=client, options=FillOptions(steps=15))\nstudio"
    )
    cell = notebook.last_cell
    Easel(notebook.page, cell.locator(".ffnb-easel > .ffnb-painting"), (600, 400)).wait()
    notebook.run(f"studio.painter.ellipse({TEA})")
    for words in ("a cup of orange tea", "a cup of red tea"):
        notebook.run(f"studio.panel.update(prompt={words!r}, guidance=30, seed=1)")
        notebook.run("studio.fill(seeds=3)")
        notebook.until("studio.running", 0, patience=60)
    notebook.run("studio.star(next(result for result in studio.results if result.seed == 1))")
    notebook.run("studio.selected = None")
    saves = cell.get_by_role("button", name="Save seed")
    until(lambda: saves.count() == 6, "all results are there")
    cell.get_by_text("under way").wait_for(state="hidden")
    return cell.locator(".ffnb-studio")


def compare(notebook: Notebook) -> Locator:
    """Before and after, the divider between them."""
    notebook.run(
        f"mask = ff.Mask.from_ellipse((600, 400), {TEA})\n"
        "result = client.fill(data.coffee(), mask, 'a cup of red tea', guidance=30, seed=1)\n"
        "ff.Compare(result)"
    )
    cell = notebook.last_cell
    cell.locator("canvas").first.wait_for()
    return cell.locator(".ffnb-compare")


def show_pointer(easel: Easel, point: tuple[float, float]) -> None:
    """Draw the pointer, which the browser leaves out of its screenshots."""
    easel.page.mouse.move(*easel.on_page(point))
    easel.pad.evaluate(
        """(pad, [x, y]) => {
            const [, address, left, top] = getComputedStyle(pad).cursor.match(
                /^url\\("(.*?)"\\) (\\d+) (\\d+)/);
            const ring = Object.assign(document.createElement("img"), {src: address});
            ring.style = `position: fixed; z-index: 9; pointer-events: none;
                left: ${x - left}px; top: ${y - top}px`;
            document.body.append(ring);
            return ring.decode();
        }""",
        easel.on_page(point),
    )


@contextmanager
def in_browser() -> Iterator[Browser]:
    path = CHROMIUM["find"]()
    if path is None:
        sys.exit("There is no Chromium: run scripts/chromium.py, which installs one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM["ARGUMENTS"])
        yield browser
        browser.close()


def keep(shown: Locator | Image.Image, path: Path) -> None:
    """Save a picture as the best JPEG file that is small enough."""
    if isinstance(shown, Locator):
        shown = Image.open(io.BytesIO(shown.screenshot(animations="disabled", caret="hide")))
    shown.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    for quality in range(92, 70, -3):
        shown.convert("RGB").save(path, quality=quality, optimize=True)
        if path.stat().st_size <= LARGEST:
            print(f"{path.relative_to(ROOT)}: {shown.width} x {shown.height} px, "
                  f"{path.stat().st_size // 1000} kB")  # fmt: skip
            return
    sys.exit(f"{path.name} is larger than {LARGEST // 1000} kB.")


if __name__ == "__main__":
    main()
