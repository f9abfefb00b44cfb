"""How soon a painter in JupyterLab shows what the mouse does, against targets; prints rows.

A page of Chromium moves its mouse over the canvas once per frame, 60 times a second, and looks in
each frame how far the ink has come. The figures are of what a person waits for: from the event in
the page, through the kernel, to the pixel in the page. A line and an exit status tell of targets
that are missed.
"""

from __future__ import annotations

import contextlib
import runpy
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BROWSER = runpy.run_path(str(ROOT / "tests" / "browser" / "conftest.py"))

MEDIUM, LARGE = 2000, 4096
MOVES = 180
ROUNDS = 5

SETUP = """
import time
from IPython.display import display
from PIL import Image
from fluxfill_nb.widgets.painter import MaskPainter

def timed(painter):
    # Of each event, ms: the answer to it, and what is drawn later because of it.
    spent, depth = [], []
    def timing(action, is_event):
        def act(*told):
            if is_event:
                spent.append(0)
            depth.append(action)
            started = time.perf_counter()
            try:
                action(*told)
            finally:
                depth.pop()
                if spent and not depth:
                    spent[-1] += 1e3 * (time.perf_counter() - started)
        return act
    view = painter._view
    view._pad._handle_custom_msg = timing(view._pad._handle_custom_msg, True)
    view._soon._action = timing(view._soon._action, False)
    return spent
"""

# A stroke in rows that do not touch, whose points are further apart than the brush is wide: ink at
# a point says that the painter has come that far.
STROKE = """async moves => {
    const pad = [...document.querySelectorAll("canvas.ffnb-pad")].at(-1);
    const canvas = pad.parentElement.querySelector("canvas:not(.ffnb-pad)");
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const box = pad.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const frame = () => new Promise(requestAnimationFrame);
    const tell = (kind, [x, y]) => {
        const {left, top} = pad.getBoundingClientRect();  // notebooks scroll by themselves
        pad.dispatchEvent(new MouseEvent(kind, {clientX: left + x, clientY: top + y}));
    };
    const has_ink = ([x, y]) => {
        const [red, green] = context.getImageData(x * ratio, y * ratio, 1, 1).data;
        return red - green > 40;
    };
    const columns = 60, left = box.width * 0.2, step = box.width * 0.6 / columns;
    const place = n => {
        const row = Math.floor(n / columns), column = n % columns;
        return [left + step * (row % 2 ? columns - 1 - column : column),
                box.height * (0.2 + 0.12 * row)];
    };
    const places = [...Array(moves).keys()].map(place);
    // What was painted before is to be gone.
    while (places.some(has_ink)) await frame();
    tell("mousedown", places[0]);
    const waits = [], frames = [];
    let waiting = [];
    for (let n = 1, last = performance.now(); n < moves || waiting.length; n++) {
        await frame();
        const now = performance.now();
        waiting = waiting.filter(([begun, at]) => {
            const done = has_ink(at);
            if (done) waits.push(now - begun);
            return !done;
        });
        if (n < moves) {
            frames.push(now - last);
            tell("mousemove", places[n]);
            waiting.push([performance.now(), places[n]]);
        } else if (now - last > 60000) {
            throw new Error(`The ink never came: ${JSON.stringify([waiting.length, waiting[0]])}`);
        }
        if (n < moves) last = now;
    }
    tell("mouseup", places.at(-1));
    return [waits, frames];
}"""


class Row(NamedTuple):
    """One line of the table."""

    work: str
    figure: float
    at_most: float

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its target."""
        return self.figure <= self.at_most

    def __str__(self) -> str:
        return f"| {self.work} | {self.figure:.1f} ms | {self.at_most:g} ms |"


def main() -> None:
    """Print the table; end with an error if a target is missed."""
    with notebook() as book:
        waits, frames, _ = strokes(book, MEDIUM)
        _, _, spent = strokes(book, LARGE)
    rows = [
        Row("event to ink in JupyterLab, 4 MP, median", statistics.median(waits), 60),
        Row("kernel, for a move of the mouse, 16.8 MP, 95 %", np.percentile(spent, 95), 5),
    ]
    print("| work | fluxfill_nb | target, at most |")
    print("| --- | --- | --- |")
    print(*rows, sep="\n")
    print(
        f"Event to ink, 95 %: {np.percentile(waits, 95):.0f} ms. "
        f"Frames came at {1e3 / statistics.median(frames):.0f} Hz. "
        f"Kernel, for a move, median: {statistics.median(spent):.1f} ms.",
        file=sys.stderr,
    )
    missed = [row.work for row in rows if not row.is_met]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


@contextlib.contextmanager
def notebook() -> Iterator[Any]:
    """An empty notebook in JupyterLab, in a browser."""
    path = subprocess.run(
        [sys.executable, ROOT / "scripts" / "chromium.py"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    arguments = BROWSER["CHROMIUM"]["ARGUMENTS"]
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = BROWSER["Lab"](Path(home))
        try:
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            book = lab.open(page, lab.blank("painter.ipynb"))
            book.run(SETUP)
            yield book
            browser.close()
        finally:
            lab.stop()


def strokes(book: Any, side: int) -> tuple[list[float], list[float], list[float]]:
    """Paint on a square picture: waits for the ink, frames, and kernel times of moves, ms."""
    book.run(
        f"painter = MaskPainter(Image.new('RGB', ({side}, {side}), 'gray'))\n"
        f"painter.brush_size = {side / 100}\nspent = timed(painter)\ndisplay(painter)"
    )
    pad = book.page.locator("canvas.ffnb-pad").last
    pad.scroll_into_view_if_needed()
    book.until("painter._view._ready", True)
    waits: list[float] = []
    frames: list[float] = []
    for number in range(ROUNDS + 1):
        stroke = book.page.evaluate(STROKE, MOVES)
        book.until("len(painter.log)", 1)
        if number == 0:
            book.run("spent.clear()")  # the first one is practice
        else:
            waits += stroke[0]
            frames += stroke[1]
        book.run("painter.undo()")
    return waits, frames, book.json("spent")


if __name__ == "__main__":
    main()
