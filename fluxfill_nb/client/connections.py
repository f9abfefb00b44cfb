"""The connections to a service: each request that is under way has one for itself."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import httpx

_TIMEOUTS = httpx.Timeout(60.0, connect=10.0, pool=None)
_ONE = httpx.Limits(max_keepalive_connections=1)


@cache
def _tls() -> ssl.SSLContext:
    """What all connections trust; read once."""
    return httpx.create_ssl_context()


class Connections:
    """Clients of httpx, each of which sends one request at a time and keeps its connection.

    One client for all would look, for each request, whether each of its connections is still open:
    with two dozen of them that takes as long as the request itself.

    Parameters
    ----------
    transport
        The way to the service; None: the network.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._all: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a connection: the one used last, which is the likeliest to be open still."""
        lent = self._idle.pop() if self._idle else self._another()
        try:
            yield lent
        finally:
            self._idle.append(lent)

    async def close(self) -> None:
        """Close them all."""
        for client in self._all:
            await client.aclose()

    def _another(self) -> httpx.AsyncClient:
        # Redirects are not followed: httpx would carry the key along to another host.
        client = httpx.AsyncClient(
            transport=self._transport,
            timeout=_TIMEOUTS,
            limits=_ONE,
            verify=_tls(),
            follow_redirects=False,
        )
        self._all.append(client)
        return client
