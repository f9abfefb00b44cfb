"""The contract, server's end: the hosted service's endpoints over an engine of one's own."""

from .app import create_app
from .jobs import Jobs
from .keys import Holder
from .local import LocalServer

__all__ = ["Holder", "Jobs", "LocalServer", "create_app"]
