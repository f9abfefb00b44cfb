"""A real JupyterLab and a real Chromium, for tests of what people see."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = runpy.run_path(str(ROOT / "scripts" / "chromium.py"))

SETTINGS = {
    # Every cell in the page, not only those in view.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a folder of its own, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    server = Lab(home)
    try:
        yield server
    finally:
        server.stop()


# Not longer than a module: as long as it lives, no other test of the process can run a loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = subprocess.run(
        [sys.executable, ROOT / "scripts" / "chromium.py"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM["ARGUMENTS"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1400, "height": 900}) as context:
        yield context.new_page()


class Lab:
    """A JupyterLab server without a token, for tests only."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.root.mkdir()
        state = {
            name: str(home / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR",
                "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
            )
        }  # fmt: skip
        settings = Path(state["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab")
        for plugin, values in SETTINGS.items():
            file = settings / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={self.root}",
            "--IdentityProvider.token=", "--ServerApp.password=",
            "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        self.log = (home / "lab.log").open("w")
        self.process = subprocess.Popen(
            command, env=os.environ | state, stdout=self.log, stderr=subprocess.STDOUT
        )
        runtime = Path(state["JUPYTER_RUNTIME_DIR"])
        self.url = self._address(runtime)

    def _address(self, runtime: Path, patience: float = 60) -> str:
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up and self.process.poll() is None:
            # The file may be there half written, and the server not yet.
            with contextlib.suppress(OSError, ValueError):
                file = runtime / f"jpserver-{self.process.pid}.json"
                url: str = json.loads(file.read_text())["url"]
                with urllib.request.urlopen(url + "api/status", timeout=5):
                    return url
            time.sleep(0.1)
        raise RuntimeError((self.home / "lab.log").read_text())

    def open(self, page: Page, notebook: str) -> Notebook:
        """Open a notebook of the served folder, and wait until its kernel answers."""
        page.goto(f"{self.url}lab/tree/{notebook}?reset")
        page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=60_000
        )
        page.evaluate(
            """async () => {
                const panel = jupyterapp.shell.currentWidget;
                await panel.context.ready;
                await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
            }"""
        )
        return Notebook(page)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Notebook:
    """The notebook that a page shows."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run_all(self) -> list[dict[str, Any]]:
        """Run all cells as the menu does; return the cells with their outputs."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        cells: list[dict[str, Any]] = self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        )
        return cells
