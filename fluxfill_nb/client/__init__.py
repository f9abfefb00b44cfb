"""The contract, client's end: submit, poll, download, awaited or blocking."""

from .blocking import FluxFill
from .core import HOSTED_URL, AsyncFluxFill, StoreSource
from .keys import hosted_key, login
from .receiver import Receiver
from .run import Run

__all__ = [
    "HOSTED_URL",
    "AsyncFluxFill",
    "FluxFill",
    "Receiver",
    "Run",
    "StoreSource",
    "hosted_key",
    "login",
]
