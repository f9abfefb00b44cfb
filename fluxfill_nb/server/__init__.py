"""The contract, server's end: the hosted service's endpoints over an engine of one's own."""

from .app import create_app
from .jobs import Jobs
from .local import LocalServer

__all__ = ["Jobs", "LocalServer", "create_app"]
