"""The sweep panel: choose axes and values, see what that makes and costs, run it, watch it.

`values`, `plan` and `forecast` know no widgets. `SweepPanel` itself is loaded when it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import loading

if TYPE_CHECKING:
    from .sweep_panel import SweepPanel as SweepPanel

__all__ = ["SweepPanel"]

__getattr__ = loading(__name__, ".sweep_panel", "SweepPanel")
