"""The live view of a run: a bar, a line, a stop button, and a cell for each fill."""

from .stage import showing as showing
from .view import LiveView as LiveView

__all__ = ["LiveView", "showing"]
