"""The notebooks are run as they are, and stored without what that leaves."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

import fluxfill_nb as ff

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


def run(notebook, folder):
    """Run all cells in a folder; return their outputs."""
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_runs_from_top_to_bottom_for_the_price_that_it_names(notebook, tmp_path):
    before = os.times()
    outputs = run(notebook, tmp_path)
    after = os.times()
    # Seconds of work: others may be busy on this machine, too.
    assert sum(after[2:4]) - sum(before[2:4]) < 90
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    named = re.search(r"\*\*\\?\$(\d+\.\d\d)\*\*", notebook.cells[0].source)
    store = tmp_path / "runs"
    made = len(ff.RunStore(store)) if store.exists() else 0
    assert float(named[1] if named else 0) == pytest.approx(0.05 * made)


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
    assert "**Which service does the work?**" in first.source
    assert "local engine" in first.source


def code(notebook):
    """The code cells, as Python."""
    plain = TransformerManager().transform_cell
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield ast.parse(plain(cell.source))


def test_helper_functions_are_short(notebook):
    for cell in code(notebook):
        for node in ast.walk(cell):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 5


def test_uses_public_names_only(notebook):
    for cell in code(notebook):
        for node in ast.walk(cell):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")
                if isinstance(node.value, ast.Name) and node.value.id == "ff":
                    assert node.attr in ff.__all__


def test_a_key_is_used_by_changing_nothing(notebook):
    """A local service is asked for by name only where it is to differ from the usual one."""
    for cell in code(notebook):
        for node in ast.walk(cell):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ff.connect":
                chosen = [ast.unparse(argument) for argument in node.args]
                assert chosen != ["'hosted'"]
                if chosen == ["'local'"]:
                    # What it makes is free, and is not mixed with what is paid for.
                    assert "store=None" in map(ast.unparse, node.keywords)


def test_prices_are_not_taken_for_formulas(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`|\\\$", "", cell.source, flags=re.DOTALL)
            assert prose.count("$") < 2


def test_links_lead_to_notebooks_that_are_there(notebook):
    for cell in notebook.cells:
        for name in re.findall(r"\]\((\w+\.ipynb)\)", cell.source):
            assert NOTEBOOKS[0].with_name(name).exists()


def test_sweeps_may_be_run_with_other_parameters(tmp_path):
    notebook, cells = read("02_sweeps")
    parameters = cells["parameters"]
    assert parameters.metadata["tags"] == ["parameters"]
    # As papermill does: what is given comes right after what is the default.
    place = notebook.cells.index(parameters) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell("seeds, guidance = 1, [5]"))
    run(notebook, tmp_path)
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
