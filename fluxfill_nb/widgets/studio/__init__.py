"""The Studio: paint, say what belongs there, fill, compare.

`fills` knows what was asked for and what came of it, without any widget; `strip` shows it, brought
up to date by a `follower`. `Studio` itself is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .studio import Studio as Studio

__all__ = ["Studio"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(".studio", __name__), name)
    globals()[name] = value
    return value
