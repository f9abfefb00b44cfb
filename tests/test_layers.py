"""The layers of the package: who may import whom. Imports inside functions count as well."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import fluxfill_nb

HOME = Path(fluxfill_nb.__file__).parent

VALUES = {
    "errors", "images", "mask", "metrics", "options", "outpaint", "provenance", "request",
    "result", "showing", "sources", "sweep", "triptych", "version", "wording",
}  # fmt: skip
MAY_IMPORT = {
    **dict.fromkeys(VALUES, VALUES),
    "painting": VALUES | {"painting"},
    "store": VALUES | {"store"},
    "listening": {"errors"},
    "client": VALUES | {"client", "listening", "store"},
    "engines": VALUES | {"engines"},
    "server": VALUES | {"engines", "listening", "server"},
    "services": VALUES | {"client", "engines", "server"},
    "grid": VALUES | {"grid"},
    "report": VALUES | {"grid"},
    "widgets": VALUES | {"client", "grid", "painting", "services", "store", "widgets"},
    "__main__": VALUES | {"client", "server", "services", "store"},
    "__init__": {"version"},
}
# A thing's own display loads the view that shows it, at the moment that it is asked for.
SHOWN_BY = {"sweep/sweep_result.py": {"grid", "report"}, "client/run.py": {"widgets"}}
ONLY_IN = {
    "fastapi": {"server"},
    "prometheus_client": {"server"},
    "distributed": {"server"},
    "uvicorn": {"listening"},
    "httpx": {"client", "server", "services"},
    "anyio": {"client", "server"},
    "matplotlib": {"grid"},
    "ipywidgets": {"widgets"},
    "ipycanvas": {"widgets"},
}
MODULES = sorted(HOME.rglob("*.py"))


def layer_of(module: Path) -> str:
    return module.relative_to(HOME).with_suffix("").parts[0]


@functools.cache
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
    views = SHOWN_BY.get(module.relative_to(HOME).as_posix(), set())
    assert set(own) <= MAY_IMPORT[layer_of(module)] | views


def test_one_file_alone_knows_the_canvas():
    users = [module for module in MODULES if "ipycanvas" in str(imports(module))]
    assert len(users) == 1


def test_views_are_loaded_when_they_are_asked_for():
    for name, views in SHOWN_BY.items():
        at_import = {
            alias
            for node in ast.parse((HOME / name).read_text()).body
            if isinstance(node, ast.ImportFrom)
            for alias in [(node.module or "").split(".")[0]]
        }
        assert not at_import & views


def test_nobody_uses_the_state_of_pyplot():
    assert not [module for module in MODULES if "pyplot" in str(imports(module))]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_in_one_place(library):
    users = {
        layer_of(module)
        for module in MODULES
        if any(name.split(".")[0] == library for name in imports(module))
    }
    assert users <= ONLY_IN[library]


def in_a_circle(needs: dict[str, set[str]]) -> set[str]:
    while ready := {name for name, others in needs.items() if not others & needs.keys()}:
        needs = {name: others for name, others in needs.items() if name not in ready}
    return needs.keys()


def test_no_cycles_between_the_values():
    needs: dict[str, set[str]] = {name: set() for name in VALUES}
    for module in MODULES:
        if (name := layer_of(module)) in VALUES:
            found = {each.split(".")[1] for each in imports(module) if "." in each}
            views = SHOWN_BY.get(module.relative_to(HOME).as_posix(), set())
            needs[name] |= found - views - {name}
    assert needs["sweep"]
    assert not in_a_circle(needs)


@pytest.mark.parametrize("folder", sorted({module.parent for module in MODULES} - {HOME}), ids=str)
def test_no_cycles_within_a_folder(folder):
    package = ".".join(["fluxfill_nb", *folder.relative_to(HOME).parts, ""])
    needs = {
        module.stem: {
            each.removeprefix(package).split(".")[0]
            for each in imports(module)
            if each.startswith(package)
        }
        for module in folder.glob("*.py")
    }
    assert not in_a_circle(needs)


def test_the_walls_are_really_looked_at():
    """The test above would pass if imports were not found."""
    assert "fluxfill_nb.mask" in imports(HOME / "outpaint.py")
    assert "fluxfill_nb.services" in imports(HOME / "__main__.py")
    assert "fluxfill_nb.engines" in imports(HOME / "server" / "jobs.py")
