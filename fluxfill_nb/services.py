"""Choosing the service: the one place that knows both ends of the contract."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import TYPE_CHECKING

import httpx

from .client import HOSTED_URL, FluxFill, StoreSource, hosted_key
from .engines import Engine
from .errors import InvalidOption
from .server import LocalServer

if TYPE_CHECKING:
    from .client.receiver import Receiver

_SERVICES = "None, 'hosted', 'local', or an address such as 'http://127.0.0.1:8000'"


def connect(
    service: str | None = None,
    *,
    engine: str | Engine = "patches",
    executor: Executor | str | None = None,
    workers: int | None = None,
    api_key: str | None = None,
    store: StoreSource = "runs",
    max_active: int = 24,
    timeout: float = 300.0,
    webhooks: Receiver | None = None,
) -> FluxFill:
    """Return a client of the service to use; its repr says which one.

    Parameters
    ----------
    service
        ``"hosted"``: FLUX.1 Fill [pro], $0.05 a fill, needs a key. ``"local"``: an engine on this
        machine, free, without a network; the default one is no FLUX. An address: a service that
        somebody runs there. None: hosted if there is a key (from the environment
        variable BFL_API_KEY or `fluxfill_nb.login`) and nothing is said of an engine, else local.
    engine
        What the local service fills with: ``"patches"``, which copies patches of the picture
        itself, or any `fluxfill_nb.engines.Engine`.
    executor, workers
        Where the local service fills, and how much at once: ``"processes"``, the address of a Dask
        scheduler, or any executor; default: threads. See `fluxfill_nb.LocalServer`.
    api_key
        For the hosted service (default: BFL_API_KEY), or for the address.
    store
        Where all that is sent and all that comes back is kept: a folder, or a
        `fluxfill_nb.RunStore`. What is there is returned from there, and not paid for again. None:
        nothing is kept.
    max_active
        How many fills run at once.
    timeout
        How long to wait for one picture, s.
    webhooks
        Where the service calls when a picture is ready; see `fluxfill_nb.client.webhooks`.

    Raises
    ------
    fluxfill_nb.errors.MissingKey
        ``"hosted"`` without a key.
    fluxfill_nb.errors.InvalidOption
        There is no such service, engine or executor; or an engine is chosen for another service
        than the local one.
    ImportError, OSError
        The cluster cannot be reached.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> ff.connect("local")
    <FluxFill: local engine: patches, free>
    """
    chosen = [
        name
        for name, is_so in {
            "engine": engine != "patches",
            "executor": executor is not None,
            "workers": workers is not None,
        }.items()
        if is_so
    ]
    if service is None:
        # Whoever chooses an engine does not mean to pay for another one.
        is_hosted = api_key or (hosted_key() and not chosen)
        service = "hosted" if is_hosted else "local"
    if service == "local":
        server = LocalServer(engine, max_active=max_active, executor=executor, workers=workers)
        return FluxFill(
            base_url=server.url,
            store=store,
            max_active=max_active,
            timeout=timeout,
            transport=_OwnServer(server),
            webhooks=webhooks,
            service=f"local engine: {server.engine_name}",
            price=0.0,
        )
    if service == "hosted":
        service = HOSTED_URL
    elif not (isinstance(service, str) and service.startswith(("http://", "https://"))):
        raise InvalidOption(f"There is no service {service!r}: it must be {_SERVICES}.")
    if chosen:
        raise InvalidOption(
            f"{chosen[0]} is for the local service only: connect('local', {chosen[0]}=…). Other "
            "services fill as they do."
        )
    return FluxFill(
        api_key,
        base_url=service,
        store=store,
        max_active=max_active,
        timeout=timeout,
        webhooks=webhooks,
    )


class _OwnServer(httpx.AsyncBaseTransport):
    """The way to a server that belongs to one client, and ends with it."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._way = server.transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._way.handle_async_request(request)

    async def aclose(self) -> None:
        self._server.close()
