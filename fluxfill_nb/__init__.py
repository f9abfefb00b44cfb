"""Inpaint pictures from a Jupyter notebook with FLUX.1 Fill.

The way through: picture → `Mask` → `FillRequest` → `FluxFill` → `FillResult` → `RunStore`. A
`Sweep` goes the same way and ends in a `SweepResult` and a `Grid`; `MaskPainter` paints the mask;
`connect` chooses the service. Names are loaded when they are first used, so that the import alone
is quick.

Examples
--------
>>> import fluxfill_nb as ff
>>> "Mask" in ff.__all__
True
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import errors as errors
    from .client import AsyncFluxFill as AsyncFluxFill
    from .client import FluxFill as FluxFill
    from .client import login as login
    from .grid import Grid as Grid
    from .images import open_image as open_image
    from .mask import Mask as Mask
    from .outpaint import extend as extend
    from .request import FillRequest as FillRequest
    from .result import FillResult as FillResult
    from .result import FillTask as FillTask
    from .server import LocalServer as LocalServer
    from .services import connect as connect
    from .store import RunStore as RunStore
    from .sweep import Sweep as Sweep
    from .sweep import SweepResult as SweepResult
    from .widgets.compare import Compare as Compare
    from .widgets.painter import MaskPainter as MaskPainter
    from .widgets.panel import ParameterPanel as ParameterPanel
    from .widgets.studio import Studio as Studio
    from .widgets.sweep_panel import SweepPanel as SweepPanel

# Quiet unless somebody listens: what nobody handles, logging would print.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOME = {
    "AsyncFluxFill": "client",
    "Compare": "widgets.compare",
    "FillRequest": "request",
    "FillResult": "result",
    "FillTask": "result",
    "FluxFill": "client",
    "Grid": "grid",
    "LocalServer": "server",
    "Mask": "mask",
    "MaskPainter": "widgets.painter",
    "ParameterPanel": "widgets.panel",
    "RunStore": "store",
    "Studio": "widgets.studio",
    "Sweep": "sweep",
    "SweepPanel": "widgets.sweep_panel",
    "SweepResult": "sweep",
    "connect": "services",
    "errors": "",
    "extend": "outpaint",
    "login": "client",
    "open_image": "images",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _HOME[name]:
        return importlib.import_module(f".{name}", __name__)
    value: object = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
