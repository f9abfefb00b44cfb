"""A port of this machine: an ASGI application behind uvicorn, in a thread of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import Any

import uvicorn

_STARTUP = 10.0
_SHUTDOWN = 10.0


class Listener:
    """Serves an application from the moment it is made until it is closed.

    Parameters
    ----------
    application
        Any ASGI application.
    host, port
        Where to listen; port 0 takes a free one.

    Raises
    ------
    OSError
        The port is taken, or the host is not this machine.
    """

    def __init__(self, application: Any, host: str, port: int) -> None:
        # Bound here, not by the thread: the caller gets the error, and knows the port.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        # Connections inherit it; without it, each answer waits 40 ms for the other side's kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        config = uvicorn.Config(
            application,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_level="error",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="fluxfill-port",
            daemon=True,
        )  # fmt: skip
        self._thread.start()
        give_up = time.monotonic() + _STARTUP
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise OSError(f"Nothing could be served on {self.url}.")
            time.sleep(0.01)

    def close(self) -> None:
        """Stop listening, and free the port."""
        self._server.should_exit = True
        if self._thread is not threading.current_thread():
            self._thread.join(_SHUTDOWN)


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
