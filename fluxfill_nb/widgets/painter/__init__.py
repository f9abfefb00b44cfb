"""Painting a mask with mouse, pen, fingers and keys.

The way through: events → `gestures` (by way of the `viewport`) → operations → the `Painting`, which
the view shows. All but the view and the toolbar work without a browser, so `MaskPainter`, which
needs both, is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .painter import MaskPainter as MaskPainter

__all__ = ["MaskPainter"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(".painter", __name__), name)
    globals()[name] = value
    return value
