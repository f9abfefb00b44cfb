"""Comparing pictures: side by side, one over the other, or how far they are apart.

`Compare` is loaded when it is first used: all but it and its view work without a browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import loading

if TYPE_CHECKING:
    from .compare import Compare as Compare

__all__ = ["Compare"]

__getattr__ = loading(__name__, ".compare", "Compare")
