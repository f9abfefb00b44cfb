"""The newcomer's way in: `make lab`, and the first notebook in a real browser."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cells(lab, page):
    """The first notebook's cells, run in the browser, without a key."""
    shutil.copy(ROOT / "notebooks" / "01_first_fill.ipynb", lab.root)
    notebook = lab.open(page, "01_first_fill.ipynb")
    return [cell for cell in notebook.run_all() if cell["cell_type"] == "code"]


def test_all_cells_of_the_first_notebook_run_in_the_browser(cells, page, tmp_path):
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert all(cell["execution_count"] for cell in cells)
    pictures = [output for output in outputs if "image/jpeg" in output.get("data", {})]
    assert len(pictures) >= 6
    # Every picture is drawn, at a size that can be seen.
    page.wait_for_function(
        """count => {
            const drawn = [...document.querySelectorAll('.jp-OutputArea-output img')];
            return drawn.length >= count && drawn.every(picture => picture.naturalWidth > 300);
        }""",
        arg=len(pictures),
    )


def test_the_first_fill_is_shown_as_before_mask_after(cells, page):
    first = page.locator(".jp-CodeCell", has_text="an empty launch pad at dusk").first
    picture = first.locator("img")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box["width"] / box["height"] > 3


def test_make_lab_fills_the_sample_and_serves_the_notebook(tmp_path):
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    environment |= {
        "PYTHONUNBUFFERED": "1",
        "JUPYTER_CONFIG_DIR": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path),
    }
    log = tmp_path / "log"
    keyboard, terminal = pty.openpty()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "lab.py", "--ServerApp.port=0"],
            env=environment, stdin=terminal, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        address = _printed_address(log, process)
        said = log.read_text()
        seconds = float(re.search(r"in ([\d.]+) s with the local engine", said)[1])
        assert 0 < seconds < 60
        with Image.open(re.search(r"Before \| mask \| after: (.+)", said)[1]) as picture:
            assert picture.width > 3 * picture.height
        assert "01_first_fill.ipynb?token=" in address
        assert _status(address) == 200
        process.send_signal(signal.SIGINT)  # Ctrl+C; at a terminal, JupyterLab likes to ask
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
        os.close(terminal)


def _status(address: str) -> int:
    """The answer's, once the server listens: it prints its address a little before."""
    give_up = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.status
        except urllib.error.URLError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def _printed_address(log: Path, process: subprocess.Popen) -> str:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab/\S+", log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())
