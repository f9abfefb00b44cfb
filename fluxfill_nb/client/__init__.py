"""The contract, client's end: submit, poll, download, awaited or blocking."""

from .blocking import FluxFill
from .core import HOSTED_URL, AsyncFluxFill

__all__ = ["HOSTED_URL", "AsyncFluxFill", "FluxFill"]
