"""Calling back: the server tells an address that a task has ended."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import httpx
from pydantic import HttpUrl, SecretStr

from ..errors import InvalidOption
from ..result import FillStatus
from . import checks

_log = logging.getLogger(__name__)

T = TypeVar("T")
Form: TypeAlias = Literal["A", "B"]
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PAUSES = (0.0, 1.0, 5.0, 30.0)
"""How long to wait before each call, s; after the last one it is given up."""

PATIENCE = 30.0
"""How long a receiver may take for its answer, s."""

LOOKUP = 2.0
"""How long a submission waits to learn where a host's name leads, s."""

_SUCH_AS = "['127.0.0.0/8']"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """An address that must not be called; its text is for the one who asked for it."""


@dataclass(frozen=True)
class News:
    """What a receiver is told of a task that has ended.

    Parameters
    ----------
    task_id
        The task.
    status
        How it ended.
    result
        Sample, prompt and seed, if there is a picture.
    error
        What went wrong, if there is none.
    """

    task_id: str
    status: FillStatus
    result: dict[str, Any] | None
    error: str = ""

    def body(self, form: Form) -> bytes:
        """Return the JSON to send, in one of the two forms that are known of the service."""
        if form == "A":
            content = {
                "id": self.task_id,
                "status": self.status,
                "result": self.result,
                "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            } | ({"error": self.error} if self.error else {})
        else:
            content = {
                "task_id": self.task_id,
                "status": "SUCCESS" if self.status == FillStatus.READY else "FAILED",
                "result": self.result,
                "error": self.error or None,
            }
        return json.dumps(content).encode()


def proof(form: Form, secret: str, body: bytes) -> dict[bytes, bytes]:
    """Return the header that shows a receiver who calls."""
    if form == "A":
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {b"X-BFL-Signature": b"sha256=" + digest.encode()}
    return {b"X-Webhook-Secret": secret.encode()}


class Webhooks:
    """Makes the calls, on a thread with an event loop of its own that starts with the first.

    Parameters
    ----------
    form
        ``"A"``: the body is signed; ``"B"``: the secret is sent.
    networks
        Where calls may go besides the public internet, such as ``"127.0.0.0/8"``.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such form, or a network is none.
    """

    def __init__(self, *, form: Form = "A", networks: Sequence[str] = ()) -> None:
        if form not in get_args(Form):
            raise InvalidOption(f"webhook_form is {form!r}: it must be 'A' or 'B'.")
        self._networks = [*map(_network, checks.several("webhook_networks", networks, _SUCH_AS))]
        self._form: Form = form
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def check(self, url: HttpUrl) -> None:
        """Refuse an address that must not be called, as far as that can be told by now.

        Waits a moment for the name service, so call it from a thread. A name that is not known yet
        passes: it is looked up again before each call.

        Raises
        ------
        Refused
            Says why.
        """
        looking = self._start(self._addresses(_parsed(url)))
        try:
            looking.result(LOOKUP)
        except (TimeoutError, OSError, CancelledError):  # slow, unknown, or the server stops
            looking.cancel()

    def send(self, url: HttpUrl, secret: SecretStr | None, news: News) -> None:
        """Begin to deliver; returns at once."""
        key = None if secret is None else secret.get_secret_value()
        self._start(self._deliver(_parsed(url), key, news))

    def close(self) -> None:
        """Give up what is not delivered."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)

    def _start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin something on the loop; after `close` its future is a cancelled one."""
        with self._lock:
            if self._closed:
                work.close()
                future: Future[T] = Future()
                future.cancel()
                return future
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="fluxfill-webhooks", daemon=True
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _deliver(self, url: httpx.URL, secret: str | None, news: News) -> None:
        """Call until the receiver takes it; each call is proved and looked up anew."""
        problem = ""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            body = news.body(self._form)
            headers = {b"Content-Type": b"application/json"}
            if secret is not None:
                headers |= proof(self._form, secret, body)
            try:
                async with asyncio.timeout(PATIENCE):
                    status = await self._call(url, headers, body)
                if 200 <= status < 300:
                    return
                problem = f"it answered {status}"
            except Refused as error:
                _log.warning("Webhook of task %s dropped: %s", news.task_id, error)
                return
            except Exception as error:  # whatever is wrong with a receiver, it is called again
                problem = type(error).__name__  # the text may hold the address, with its secrets
        _log.warning(
            "Webhook of task %s given up: %s does not take it (%s)",
            news.task_id,
            url.raw_host.decode(),
            problem,
        )

    async def _call(self, url: httpx.URL, headers: dict[bytes, bytes], body: bytes) -> int:
        """Call the first address of the host that can be reached; return the status."""
        # Straight to the addresses that were checked: a second lookup, or a proxy, could lead
        # elsewhere. The host's name still names the site, and its certificate is checked by it.
        headers = headers | {b"Host": url.netloc}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            *others, last = await self._addresses(url)
            for address in (*others, last):
                try:
                    async with client.stream(
                        "POST",
                        url.copy_with(host=str(address)),
                        content=body,
                        headers=headers,
                        extensions={"sni_hostname": url.raw_host.decode()},
                    ) as answer:  # its body is not read: it may be endless
                        return answer.status_code
                except httpx.ConnectError:
                    if address == last:
                        raise
        raise AssertionError("the last address returns or raises")

    async def _addresses(self, url: httpx.URL) -> list[Address]:
        """Look the host up; refuse it if any of its addresses is not to be called."""
        host = url.raw_host.decode()
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, url.port or url.scheme, type=socket.SOCK_STREAM
            )
        except UnicodeError:
            raise Refused(f"{host} is no host's name") from None
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._may_call(address):
                raise Refused(f"{host} is in a network that is not to be called from here")
        return addresses

    def _may_call(self, address: Address) -> bool:
        address = _unwrapped(address)
        if any(address in network for network in self._networks):
            return True
        site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
        return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _network(text: str) -> Network:
    try:
        if isinstance(text, str):  # numbers are addresses to the library
            return ipaddress.ip_network(text)
        why = "no text"
    except ValueError as error:
        why = str(error)
    raise InvalidOption(f"webhook_networks is not understood: {why}. Give them as in {_SUCH_AS}.")


def _unwrapped(address: Address) -> Address:
    """The address that one of the ways to write IPv4 as IPv6 leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo and teredo[1]) or address
    return address


def _parsed(url: HttpUrl) -> httpx.URL:
    try:
        return httpx.URL(str(url))
    except httpx.InvalidURL as error:
        raise Refused(f"It cannot be called: {error}") from None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run until `Webhooks.close`, then cancel what is under way."""
    asyncio.set_event_loop(loop)
    loop.run_forever()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
