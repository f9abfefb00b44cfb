"""The notebooks are run as they are, and stored without what that leaves."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def read(stem):
    """One notebook, and its cells by their ids."""
    (path,) = (path for path in NOTEBOOKS if path.stem == stem)
    notebook = nbformat.read(path, as_version=4)
    return notebook, {cell.id: cell for cell in notebook.cells}


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


def test_helper_functions_are_short(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno < 5


def test_sweeps_may_be_run_with_other_parameters(tmp_path):
    notebook, cells = read("02_sweeps")
    parameters = cells["parameters"]
    assert parameters.metadata["tags"] == ["parameters"]
    # As papermill does: what is given comes right after what is the default.
    place = notebook.cells.index(parameters) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell("seeds, guidance = 1, [5]"))
    NotebookClient(
        notebook, timeout=90, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    assert "Sweep of 1 fill:" in str(cells["axes"].outputs)
    assert "4 guidance" not in str(cells["go-on"].outputs)


def test_what_is_compared_was_swept_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, after = {}, {}
    for name in ("parameters", "connect", "cup", "axes", "wider"):
        exec(read("02_sweeps")[1][name].source, before)
    for name in ("connect", "runs"):
        exec(read("03_compare_and_choose")[1][name].source, after)
    wanted = [point.request for point in after["sweep"]]
    assert [point.request for point in before["wider"]] == wanted
    assert not list(tmp_path.iterdir()), "looking does not send"
