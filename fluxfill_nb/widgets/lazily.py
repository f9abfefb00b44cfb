"""Packages that load their widget when it is first used: what else is in them works without."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable


def loading(package: str, module: str, name: str) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package that has one name, which a module of it defines."""

    def load(asked: str) -> object:
        if asked != name:
            raise AttributeError(f"module {package!r} has no attribute {asked!r}")
        value: object = getattr(importlib.import_module(module, package), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
