"""For tests and examples alike: each runs in a folder of its own, where its store lies too."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# Modules that import an extra's libraries cannot be looked through for examples without them.
collect_ignore = (
    []
    if importlib.util.find_spec("diffusers")
    else [
        "fluxfill_nb/engines/flux_dev/model.py",
        "fluxfill_nb/engines/flux_dev/pipeline.py",
        "tests/tiny_flux.py",
    ]
)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
