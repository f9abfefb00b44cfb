"""A port of this machine: an ASGI application behind uvicorn, in a thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import reprlib
import socket
import threading
import time
from typing import Any

import uvicorn

from .errors import InvalidOption

_STARTUP = 10.0
_SHUTDOWN = 10.0
_LAST_PORT = 65_535


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
    fluxfill_nb.errors.InvalidOption
        Nothing can be called so, or have that number.
    OSError
        The port is taken, or the host is not this machine.
    """

    def __init__(self, application: Any, host: str, port: int) -> None:
        check_address(host, port)
        # Bound here, not by the thread: the caller gets the error, and knows the port.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        # Connections inherit it; without it, each answer waits 40 ms for the other side's kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._application = _Closable(application)
        config = uvicorn.Config(
            self._application,
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
        """Stop listening, and free the port; what is being sent here is not waited for."""
        self._server.should_exit = True
        self._application.close()
        if self._thread is not threading.current_thread():
            self._thread.join(_SHUTDOWN)


class _Closable:
    """An application for which every client is gone once it is closed, those amid a body too."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receiving: set[asyncio.Future[Any]] = set()
        self._is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()

        async def received() -> Any:
            if self._is_closed:
                return {"type": "http.disconnect"}
            receiving = asyncio.ensure_future(receive())
            self._receiving.add(receiving)
            try:
                return await receiving
            except asyncio.CancelledError:
                if self._is_closed:
                    return {"type": "http.disconnect"}
                raise
            finally:
                self._receiving.discard(receiving)

        await self._application(scope, received, send)

    def close(self) -> None:
        """Break off what is being received."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._break_off)

    def _break_off(self) -> None:
        self._is_closed = True
        for receiving in self._receiving:
            receiving.cancel()


def check_address(host: str, port: int) -> None:
    """Refuse what no machine can be called, and what is no port's number.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        Says which, and what to give.
    """
    try:
        is_name = isinstance(host, str) and host.split() == [host] and bool(host.encode("idna"))
    except UnicodeError:
        is_name = False
    if not is_name:
        raise InvalidOption(
            f"host is {reprlib.repr(host)}: it must be a name or an address of this machine, such "
            "as '127.0.0.1', or '0.0.0.0' for all of them."
        )
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= _LAST_PORT:
        raise InvalidOption(
            f"port is {reprlib.repr(port)}: it must be a whole number from 0 to {_LAST_PORT}; 0 "
            "takes a free one."
        )


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
