"""Painting a mask with mouse, pen, fingers and keys.

The way through: events → `gestures` (by way of the `viewport`) → operations → the `Painting`, which
the view shows. All but the view and the toolbar work without a browser, so `MaskPainter`, which
needs both, is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import loading

if TYPE_CHECKING:
    from .painter import MaskPainter as MaskPainter

__all__ = ["MaskPainter"]

__getattr__ = loading(__name__, ".painter", "MaskPainter")
