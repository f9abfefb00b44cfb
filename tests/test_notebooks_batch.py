"""A notebook as a command: other values, an outcome of its own, and an exit status."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import fluxfill_nb as ff

JOB = Path(__file__).resolve().parents[1] / "notebooks" / "07_from_notebook_to_batch.ipynb"


@pytest.fixture
def papermill(tmp_path):
    """Run the job in a folder of its own, as a shell would; returns how it ended."""
    shutil.copy(JOB, tmp_path)

    def papermill(output, **parameters):
        given = [part for pair in parameters.items() for part in ("-p", *map(str, pair))]
        return subprocess.run(
            [sys.executable, "-m", "papermill", JOB.name, output, "--no-progress-bar", *given],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return papermill


def test_the_job_runs_with_other_values_and_keeps_its_outcome(papermill, tmp_path):
    ended = papermill("tonight.ipynb", seeds=1)
    assert ended.returncode == 0, ended.stderr
    assert len(ff.RunStore("runs")) == 3
    tonight = nbformat.read(tmp_path / "tonight.ipynb", as_version=4)
    assert "seeds = 1" in tonight.cells[2].source
    outputs = [output for cell in tonight.cells for output in cell.get("outputs", [])]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    assert "batch.html" in {file.name for file in tmp_path.iterdir()}


def test_the_job_fails_where_a_cell_does(papermill):
    ended = papermill("tonight.ipynb", guidance=1000)
    assert ended.returncode == 1
    assert "guidance is 1000" in ended.stderr
    assert not Path("runs", "pictures").exists()
