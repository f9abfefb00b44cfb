"""FLUX.1 Fill [dev] on one's own GPU, through diffusers; nothing of it is loaded before a fill."""

from .engine import FluxDev
from .sampling import Stats

__all__ = ["FluxDev", "Stats"]
