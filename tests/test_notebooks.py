"""The notebooks are run as they are, and stored without what that leaves."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_runs_from_top_to_bottom(notebook, tmp_path):
    started = time.monotonic()
    NotebookClient(
        notebook, timeout=90, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    assert time.monotonic() - started < 90
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)


def test_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_is_short_and_says_which_service_it_uses(notebook):
    assert len(notebook.cells) < 25
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert "local engine" in first.source
