"""What Binder installs is what the project asks for."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins():
    """The lock: a version for each package."""
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and "#" not in line]
    for each in wanted:
        assert [pin.operator for pin in each.specifier] == ["=="], each
    return {canonicalize_name(each.name): str(each.specifier)[2:] for each in wanted}


@pytest.mark.parametrize("asked", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"])
def test_the_lock_has_what_the_project_asks_for(pins, asked):
    asked = Requirement(asked)
    # Else: make lock
    assert asked.specifier.contains(pins[canonicalize_name(asked.name)])


def test_binder_has_a_python_that_the_project_runs_on():
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert version in SpecifierSet(PROJECT["requires-python"])


def test_binder_can_run_what_comes_after_the_packages():
    assert os.access(BINDER / "postBuild", os.X_OK)
