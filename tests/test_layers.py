"""The layers of the package: who may import whom. Imports inside functions count as well."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fluxfill_nb

HOME = Path(fluxfill_nb.__file__).parent

VALUES = {
    "errors", "images", "mask", "mask_reading", "morphology", "options", "outpaint", "provenance",
    "request", "result", "triptych", "version",
}  # fmt: skip
MAY_IMPORT = {
    **dict.fromkeys(VALUES, VALUES),
    "listening": set(),
    "client": VALUES | {"client", "listening"},
    "engines": VALUES | {"engines"},
    "server": VALUES | {"engines", "listening", "server"},
    "services": VALUES | {"client", "engines", "server"},
    "__main__": VALUES | {"client", "server", "services"},
    "__init__": {"version"},
}
ONLY_IN = {
    "fastapi": {"server"},
    "uvicorn": {"listening"},
    "httpx": {"client", "server", "services"},
    "anyio": {"client", "server"},
    "matplotlib": set(),
    "ipywidgets": set(),
    "ipycanvas": set(),
}
MODULES = sorted(HOME.rglob("*.py"))


def layer_of(module: Path) -> str:
    return module.relative_to(HOME).with_suffix("").parts[0]


def imports(module: Path) -> set[str]:
    """Full names of all that a module imports, those for type checkers aside."""
    tree = ast.parse(module.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    package = ["fluxfill_nb", *module.relative_to(HOME).parent.parts]
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            # "from . import x" names a module; "from .x import y" has it in its base.
            found |= {base} if node.module else {f"{base}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(HOME)))
def test_imports_point_one_way(module):
    own = [name.split(".")[1] for name in imports(module) if name.startswith("fluxfill_nb.")]
    assert set(own) <= MAY_IMPORT[layer_of(module)]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_in_one_place(library):
    users = {
        layer_of(module)
        for module in MODULES
        if any(name.split(".")[0] == library for name in imports(module))
    }
    assert users <= ONLY_IN[library]


def test_no_cycles_between_the_values():
    needs = {
        name: {found.split(".")[1] for found in imports(HOME / f"{name}.py") if "." in found}
        & VALUES
        for name in VALUES
    }
    while ready := {name for name, others in needs.items() if not others}:
        needs = {name: others - ready for name, others in needs.items() if name not in ready}
    assert not needs


def test_the_walls_are_really_looked_at():
    """The test above would pass if imports were not found."""
    assert "fluxfill_nb.mask" in imports(HOME / "outpaint.py")
    assert "fluxfill_nb.services" in imports(HOME / "__main__.py")
    assert "fluxfill_nb.engines" in imports(HOME / "server" / "jobs.py")
