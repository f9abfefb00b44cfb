"""The public names, and what the import alone costs."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import pytest

import fluxfill_nb as ff

NAMES = [
    "AsyncFluxFill",
    "Compare",
    "FillRequest",
    "FillResult",
    "FillTask",
    "FluxFill",
    "Grid",
    "LocalServer",
    "Mask",
    "MaskPainter",
    "ParameterPanel",
    "RunStore",
    "Studio",
    "Sweep",
    "SweepPanel",
    "SweepResult",
    "connect",
    "errors",
    "extend",
    "login",
    "open_image",
]


def test_the_public_names_are_these():
    assert sorted(ff.__all__) == NAMES
    assert set(NAMES) <= set(dir(ff))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="Maske"):
        _ = ff.Maske


@pytest.mark.parametrize("name", [name for name in NAMES if name != "errors"])
def test_every_public_name_is_explained_with_an_example(name):
    text = inspect.getdoc(getattr(ff, name))
    assert "Examples\n--------\n>>> " in text


def test_the_import_alone_loads_nothing_heavy():
    code = "import sys, json, fluxfill_nb; print(json.dumps(list(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    loaded = {name.split(".")[0] for name in json.loads(printed)}
    assert not loaded & {
        "numpy", "PIL", "pydantic", "httpx", "fastapi", "uvicorn", "anyio",
        "matplotlib", "ipywidgets", "ipycanvas", "IPython",
    }  # fmt: skip


def test_no_module_hides_a_public_name():
    modules = {module.name for module in pkgutil.iter_modules(ff.__path__)}
    assert modules & set(NAMES) == {"errors"}


def test_the_blocking_client_has_the_verbs_of_the_awaited_one():
    def verbs(kind):
        return {
            name: [*inspect.signature(member).parameters]
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert verbs(ff.FluxFill) == verbs(ff.AsyncFluxFill)
    assert inspect.signature(ff.FluxFill) == inspect.signature(ff.AsyncFluxFill)


def test_every_error_is_in_the_drawn_tree():
    errors = importlib.import_module("fluxfill_nb.errors")
    for name in errors.__all__:
        if issubclass(getattr(errors, name), errors.FluxFillError):
            assert name in errors.__doc__
