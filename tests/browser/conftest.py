"""A real JupyterLab and a real Chromium, for tests of what people see."""

from __future__ import annotations

import ast
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
from playwright.sync_api import Browser, Locator, Page, sync_playwright

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


@pytest.fixture(scope="module")
def wrong() -> list[str]:
    """What the pages have said is wrong."""
    return []


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
        return self.opened(page)

    def opened(self, page: Page) -> Notebook:
        """Wait until the notebook that a page opens, or opens again, has a kernel that answers."""
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
        return Notebook(page, self.root)

    def blank(self, name: str) -> str:
        """Put a notebook without cells into the served folder; return its name."""
        notebook = {
            "cells": [],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.root / name).write_text(json.dumps(notebook))
        return name

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

    def __init__(self, page: Page, root: Path) -> None:
        self.page = page
        self.root = root

    def run_all(self) -> list[dict[str, Any]]:
        """Run all cells as the menu does; return the cells with their outputs."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        cells: list[dict[str, Any]] = self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        )
        return cells

    def run(self, code: str, *, wait: bool = True) -> None:
        """Run code in a new cell at the end; what it raises fails the test."""
        errors = self.page.evaluate(
            """async ([source, wait]) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                const {cells, sharedModel} = notebook.model;
                sharedModel.insertCell(cells.length, {cell_type: "code", source});
                notebook.activeCellIndex = cells.length - 1;
                notebook.deselectAll();
                const cell = cells.get(cells.length - 1);
                const done = jupyterapp.commands.execute("notebook:run-cell");
                if (!wait) return [];
                await done;
                const {outputs} = cell.toJSON();
                return outputs.filter(each => each.output_type === "error");
            }""",
            [code, wait],
        )
        assert not errors, "\n".join(errors[0]["traceback"])

    @property
    def last_cell(self) -> Locator:
        """The cell that is the last one now, even when others have come after it."""
        cells = self.page.locator(".jp-CodeCell")
        return cells.nth(cells.count() - 1)

    def drop_cells(self) -> None:
        """Remove all cells, and with them what they show."""
        self.page.evaluate(
            """() => {
                const {sharedModel} = jupyterapp.shell.currentWidget.content.model;
                sharedModel.deleteCellRange(0, sharedModel.cells.length);
            }"""
        )

    def json(self, expression: str) -> Any:
        """Return the value of a Python expression in the kernel, beside all cells."""
        answer = self.page.evaluate(
            """async expression => {
                const {kernel} = jupyterapp.shell.currentWidget.sessionContext.session;
                const request = {
                    code: "", silent: true, store_history: false,
                    user_expressions: {value: `__import__("json").dumps(${expression})`},
                };
                return (await kernel.requestExecute(request).done).content.user_expressions.value;
            }""",
            expression,
        )
        assert answer["status"] == "ok", f"{expression}: {answer}"
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def until(self, expression: str, wanted: Any, patience: float = 15) -> None:
        """Wait until a Python expression has a value."""
        give_up = time.monotonic() + patience
        while (found := self.json(expression)) != wanted:
            assert time.monotonic() < give_up, f"{expression} is {found!r}, not {wanted!r}"
            time.sleep(0.03)

    def save(self) -> bytes:
        """Save the notebook; return what the file holds."""
        path = self.page.evaluate(
            """async () => {
                const {context} = jupyterapp.shell.currentWidget;
                await context.save();
                return context.path;
            }"""
        )
        return (self.root / str(path)).read_bytes()
