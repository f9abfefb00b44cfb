"""The embedded server: in process, without a port; or on one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Self

import httpx

from .. import engines
from ..listening import Listener, is_loopback
from .app import create_app
from .jobs import Jobs
from .webhooks import Form, Webhooks


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
        The keys that may submit; none: everybody who reaches the port may. A host that other
        machines can reach needs one: if none is given, one is made. See ``keys``.
    max_active
        How many tasks of each key may wait or run at once.
    executor
        Where the engine runs; default: threads. It stays its owner's to shut down.
    credits
        What each key can spend, at 5 credits a picture; None: fills cost nothing.
    webhook_form
        How calls to a ``webhook_url`` prove who calls: ``"A"`` signs the body, ``"B"`` sends the
        secret.
    webhook_networks
        Where such calls may go besides the public internet: ``["127.0.0.0/8"]`` is this machine.

    Attributes
    ----------
    url
        Where it listens.
    keys
        The keys that may submit, the one that was made included.

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
        credits: float | None = None,
        webhook_form: Form = "A",
        webhook_networks: Sequence[str] = (),
    ) -> None:
        chosen = engines.get(engine)
        self.engine_name = engines.name_of(chosen)
        self.keys = tuple(keys)
        if not self.keys and not is_loopback(host):
            self.keys = (secrets.token_urlsafe(24),)
        self._webhooks = Webhooks(form=webhook_form, networks=webhook_networks)
        self.jobs = Jobs(chosen, executor=executor)
        self.app = create_app(
            self.jobs,
            keys=self.keys,
            max_active=max_active,
            credits=credits,
            webhooks=self._webhooks,
        )
        self.url = "http://local"
        self._host, self._port = host, port
        self._listener: Listener | None = None

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
        self._listener = Listener(self.app, self._host, self._port)
        self.url = self._listener.url
        return self

    def close(self) -> None:
        """Stop listening, stop what runs, and remove the pictures."""
        self._webhooks.close()
        self.jobs.close()
        if self._listener is not None:
            self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}, engine: {self.engine_name}>"
