"""The embedded server: in process, without a port; or on one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Self

import httpx
import uvicorn

from .. import engines
from .app import create_app
from .jobs import Jobs

_STARTUP = 10.0


class LocalServer:
    """The hosted service's contract, served by an engine on this machine.

    In process through ``transport``; as a context manager on a port as well.

    Parameters
    ----------
    engine
        ``"patches"``, or any `fluxfill_nb.engines.Engine`.
    host, port
        Where to listen as a context manager; port 0 takes a free one.
    keys
        The keys that may submit; none: everybody who reaches the port may.
    max_active
        How many tasks may wait or run at once.
    executor
        Where the engine runs; default: threads.

    Examples
    --------
    >>> import httpx
    >>> import fluxfill_nb as ff
    >>> with ff.LocalServer() as server:
    ...     httpx.get(server.url + "/v1/credits").json()
    {'credits': 0.0}
    """

    def __init__(
        self,
        engine: str | engines.Engine = "patches",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Sequence[str] = (),
        max_active: int = 24,
        executor: Executor | None = None,
    ) -> None:
        chosen = engines.get(engine)
        self.engine_name = engines.name_of(chosen)
        self.jobs = Jobs(chosen, executor=executor)
        self.app = create_app(self.jobs, keys=keys, max_active=max_active)
        self.url = "http://local"
        self._host, self._port = host, port
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def transport(self) -> httpx.ASGITransport:
        """For ``httpx`` and ``fluxfill_nb`` clients: reaches the server without a port."""
        return httpx.ASGITransport(self.app)

    def start(self) -> Self:
        """Listen on the port; from then on, ``url`` is the address.

        Raises
        ------
        OSError
            The port is taken.
        """
        # Bound here, not by the server's thread: the caller gets the error, and knows the port.
        listener = socket.create_server((self._host, self._port))
        self.url = f"http://{self._host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(self.app, log_level="warning", lifespan="off", ws="none")
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [listener]}, name="fluxfill-server",
            daemon=True,
        )  # fmt: skip
        self._thread.start()
        give_up = time.monotonic() + _STARTUP
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise OSError(f"The server did not start on {self.url}.")
            time.sleep(0.01)
        return self

    def close(self) -> None:
        """Stop listening, and stop what runs."""
        self.jobs.close()
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(_STARTUP)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}, engine: {self.engine_name}>"
