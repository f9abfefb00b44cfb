"""Results of a sweep as figures: the only place that knows matplotlib."""

from .grid import Grid as Grid
from .plotting import plot as plot

__all__ = ["Grid", "plot"]
