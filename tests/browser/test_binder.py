"""Visiting as through Binder: behind a base URL and a token, and far away.

The server is this environment's, or the one that `scripts/check_binder.py` has built.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Response, expect

import fluxfill_nb as ff
from tests.browser.conftest import Lab, Notebook
from tests.browser.easel import Easel, mask_in_kernel
from tests.latency import latency
from tests.patience import until

ROOT = Path(__file__).resolve().parents[2]
BUILD = os.environ.get("BINDER_BUILD")
ROUND_TRIP = 0.15
"""Of the visitor's way to the server, s."""
TOKEN = "visitor-0123456789"
BASE = "/user/visitor-fluxfill-7x2/"
FIRST = "lab/tree/notebooks/01_first_fill.ipynb"
STUDIO = "voila/render/notebooks/04_studio.ipynb"
# Every page of Voilà's asks other hosts for them; here they cannot be had, nor are missed.
VOILA_OWN = ("fontawesome", "mathjax")
SIZE = (600, 400)
SPOON = [(375.0, 240.0), (390.0, 300.0), (365.0, 320.0)]
SCRIBBLE = [(60.0 + 40 * n, 80.0 + 220 * (n % 2)) for n in range(13)]

# Move along a row, once a frame; for each move, how long until there is ink, ms.
ROW = """async ([moves, height]) => {
    const pad = [...document.querySelectorAll("canvas.ffnb-pad")].at(-1);
    const canvas = pad.parentElement.querySelector("canvas:not(.ffnb-pad)");
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const ratio = canvas.width / pad.getBoundingClientRect().width;
    const {width, height: tall} = pad.getBoundingClientRect();
    const frame = () => new Promise(requestAnimationFrame);
    const place = n => [width * (0.2 + 0.6 * n / moves), tall * height];
    const tell = (kind, [x, y]) => {
        const {left, top} = pad.getBoundingClientRect();
        pad.dispatchEvent(new MouseEvent(kind, {clientX: left + x, clientY: top + y}));
    };
    const has_ink = ([x, y]) => {
        const [red, green] = context.getImageData(x * ratio, y * ratio, 1, 1).data;
        return red - green > 40;
    };
    tell("mousedown", place(0));
    const waits = [];
    let waiting = [];
    for (let n = 1; n < moves || waiting.length; n++) {
        await frame();
        waiting = waiting.filter(([begun, at]) => {
            const done = has_ink(at);
            if (done) waits.push(performance.now() - begun);
            return !done;
        });
        if (n < moves) {
            tell("mousemove", place(n));
            waiting.push([performance.now(), place(n)]);
        }
    }
    tell("mouseup", place(moves - 1));
    return waits;
}"""


class Binder(Lab):
    """JupyterLab, as Binder starts it on what it has built."""

    def __init__(self, home: Path) -> None:
        self.home = home
        if BUILD:
            self.root, prefix = Path(BUILD, "home"), Path(BUILD, "environment")
        else:
            self.root, prefix = home / "visitor", Path(sys.prefix)
            shutil.copytree(ROOT / "notebooks", self.root / "notebooks")
        settings = {
            "base_url": BASE, "token": TOKEN, "trust_xheaders": "True",
            "allow_origin": "*", "allow_origin_pat": ".*",
        }  # fmt: skip
        command = [
            str(prefix / "bin" / "jupyter-lab"), "--ip=127.0.0.1", "--port=0", "--no-browser",
            "--allow-root", "--LabApp.expose_app_in_browser=True",
            *(f"--{app}.{name}={value}" for app in ("NotebookApp", "ServerApp")
              for name, value in settings.items()),
        ]  # fmt: skip
        of_home = {
            "HOME": str(self.root), "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_CONFIG_DIR": str(home / "config"), "IPYTHONDIR": str(home / "ipython"),
            "PATH": f"{prefix}/bin:{os.environ['PATH']}",
        }  # fmt: skip
        self.log = (home / "lab.log").open("w")
        self.process = subprocess.Popen(
            command, cwd=self.root, env=os.environ | of_home,
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.url = self._address(home / "runtime")

    def _address(self, runtime: Path, patience: float = 60) -> str:
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up and self.process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                file = runtime / f"jpserver-{self.process.pid}.json"
                url: str = json.loads(file.read_text())["url"]
                with urllib.request.urlopen(f"{url}api/status?token={TOKEN}", timeout=5):
                    return url
            time.sleep(0.1)
        self.stop()
        raise RuntimeError((self.home / "lab.log").read_text())


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Binder]:
    server = Binder(tmp_path_factory.mktemp("binder"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def far(binder: Binder) -> Iterator[str]:
    """The server's address for those who are far away."""
    port = int(binder.url.split(":")[2].split("/")[0])
    with latency(port, ROUND_TRIP) as longer:
        yield f"http://127.0.0.1:{longer}{BASE}"


@pytest.fixture
def visitor(far: str, page: Page) -> Iterator[Page]:
    """A page that asks for nothing from elsewhere, or that is not there."""
    wrong: list[str] = []

    def asked(request: Request) -> None:
        elsewhere = request.url.startswith("http") and not request.url.startswith(far)
        if elsewhere and not any(each in request.url for each in VOILA_OWN):
            wrong.append(f"from elsewhere: {request.url}")

    def answered(response: Response) -> None:
        # What a notebook has not got yet, such as its checkpoints, is asked for all the same.
        if response.status >= 400 and "/api/" not in response.url:
            wrong.append(f"{response.status} {response.url}")

    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", asked)
    page.on("response", answered)
    yield page
    assert not wrong


def test_nobody_comes_in_without_the_token(binder, page):
    refused = page.request.get(f"{binder.url}api/contents", fail_on_status_code=False)
    assert refused.status == 403
    assert page.request.get(f"{binder.url}api/contents?token={TOKEN}").ok


def test_the_first_notebook_runs_and_a_painter_keeps_up(binder, far, visitor):
    visitor.goto(f"{far}{FIRST}?token={TOKEN}")
    notebook = binder.opened(visitor)
    cells = [cell for cell in notebook.run_all() if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) >= 6
    notebook.run(
        "from PIL import Image\n"
        f"painter = ff.MaskPainter(Image.new('RGB', {SIZE}, 'gray'))\n"
        "painter.brush_size = 12\npainter"
    )
    easel = Easel(visitor, notebook.last_cell, SIZE).wait()
    strokes_arrive_complete(easel, notebook)
    far_away = lag(visitor, notebook)
    assert statistics.median(far_away) > 1e3 * ROUND_TRIP
    # The moves travel one behind the other: the ink is late by the way there and back, and no
    # further behind at the end of a stroke than at its beginning.
    half = len(far_away) // 2
    assert statistics.median(far_away[half:]) < 2 * statistics.median(far_away[:half])
    print(f"Event to ink over {1e3 * ROUND_TRIP:.0f} ms: {figures(far_away)}.")


def strokes_arrive_complete(easel: Easel, notebook: Notebook) -> None:
    """Paint quickly, and compare with what should have come of it."""
    easel.drag(SCRIBBLE, steps=10)
    easel.drag(SPOON, steps=10)
    notebook.until("len(painter.log)", 2)
    painted = ff.Mask(mask_in_kernel(notebook))
    wanted = ff.Mask.from_strokes(SIZE, [SCRIBBLE, SPOON], width=12)
    # The page's px are whole, the stroke's points are not.
    assert (painted - wanted.grow(2)).is_empty
    assert (wanted - painted.grow(2)).is_empty
    until(lambda: easel.agreement(painted.array) >= 0.98, "the canvas shows the mask")
    notebook.run("painter.clear()")
    until(lambda: not easel.seen().any(), "the canvas is clean")


def lag(page: Page, notebook: Notebook) -> list[float]:
    """How far the ink is behind the mouse, ms, for each move of a stroke."""
    waits = page.evaluate(ROW, [90, 0.5])
    notebook.until("len(painter.log)", 4)
    return waits


def figures(waits: list[float]) -> str:
    *_, late = statistics.quantiles(waits, n=20)
    return f"median {statistics.median(waits):.0f} ms, 95 % {late:.0f} ms"


def test_the_studio_opens_as_an_app_and_fills(far, visitor):
    visitor.goto(f"{far}{STUDIO}?token={TOKEN}")
    studio = visitor.locator(".ffnb-studio")
    easel = Easel(visitor, studio.locator(".ffnb-easel > .ffnb-painting"), SIZE).wait()
    assert BASE in visitor.url
    easel.drag(SPOON)
    fill = studio.locator(".ffnb-launch .ffnb-primary")
    expect(fill).to_be_enabled()
    fill.click()
    expect(studio.locator(".ffnb-card.ffnb-is-done")).to_have_count(1)
