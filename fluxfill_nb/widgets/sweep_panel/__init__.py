"""The sweep panel: choose axes and values, see what that makes and costs, run it, watch it.

`values`, `plan` and `forecast` know no widgets. `SweepPanel` itself is loaded when it is first
used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sweep_panel import SweepPanel as SweepPanel

__all__ = ["SweepPanel"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(".sweep_panel", __name__), name)
    globals()[name] = value
    return value
