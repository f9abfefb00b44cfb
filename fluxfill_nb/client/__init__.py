"""The contract, client's end: submit, poll, download, awaited or blocking."""

from .blocking import FluxFill
from .core import HOSTED_URL, AsyncFluxFill
from .keys import hosted_key, login
from .receiver import Receiver

__all__ = ["HOSTED_URL", "AsyncFluxFill", "FluxFill", "Receiver", "hosted_key", "login"]
