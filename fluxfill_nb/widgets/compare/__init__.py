"""Comparing pictures: side by side, one over the other, or how far they are apart.

`Compare` is loaded when it is first used: all but it and its view work without a browser.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compare import Compare as Compare

__all__ = ["Compare"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(".compare", __name__), name)
    globals()[name] = value
    return value
