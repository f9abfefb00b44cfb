"""What `make` does before anything is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKE = shutil.which("make")


@pytest.mark.skipif(MAKE is None, reason="there is no make")
@pytest.mark.parametrize("name", ["python3", "python3.12", "python"])
def test_the_only_python_is_found(tmp_path, name):
    # make --dry-run runs what looks for Python, and prints the rest.
    (tmp_path / name).symlink_to(sys.executable)
    printed = subprocess.run(
        [MAKE, "--dry-run", "--always-make", "lab"],
        cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"Creating .venv with {name} …" in printed
