"""The Studio: paint, say what belongs there, fill, compare.

`fills` knows what was asked for and what came of it, without any widget; `strip` shows it, brought
up to date by a `follower`. `Studio` itself is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import loading

if TYPE_CHECKING:
    from .studio import Studio as Studio

__all__ = ["Studio"]

__getattr__ = loading(__name__, ".studio", "Studio")
