"""One service as the client sees it: its address, its key, and the requests that it answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable

import anyio
import httpx
from anyio import to_thread
from pydantic import SecretStr

from .. import errors
from ..images import open_image
from ..request import FILL_PATH, FillRequest
from ..result import FillTask
from . import retries, wire
from .connections import Connections
from .keys import may_see

MAX_DOWNLOAD = 100_000_000
"""The largest picture that is fetched, bytes."""

_RESULT_PATH = "/v1/get_result"
_KEY_HEADER = "x-key"
_OF_ENCODING = (b"content-encoding", b"content-length", b"transfer-encoding")
# The longest that one answer may take, s, however slowly it trickles in: it is asked for anew.
_POLL, _DOWNLOAD = 15.0, 60.0
# After a submission, other hosts may not know the task yet.
_NOT_YET_KNOWN = 2.0
_ATTEMPTS = 4
# What other keys are shorter than: they could be part of any text.
_UNMISTAKABLE = 8
_BEFORE_ANY_BYTE = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol,
    httpx.ProxyError,
)  # fmt: skip


class SampleExpired(Exception):
    """The address of a picture is not valid any more; polling again gives another."""


class Service:
    """The endpoints of a service. The key goes to it and nobody else, and stays in here.

    Parameters
    ----------
    base
        Its address.
    key
        May be empty.
    transport
        The way there; None: the network.
    """

    def __init__(
        self, base: httpx.URL, key: SecretStr, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.base = base
        self._fill_url = base.join(FILL_PATH)
        self._result_url = str(base.join(_RESULT_PATH))
        self._key = key
        self._connections = Connections(transport)
        # The fills of a sweep begin together, and their picture is encoded once.
        self._encoding = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def submit(self, request: FillRequest, *, within: float) -> FillTask:
        """Send a request, once.

        Raises
        ------
        fluxfill_nb.errors.ConnectionFailed
            Nothing was sent, or not all of it.
        fluxfill_nb.errors.SubmissionUnconfirmed
            No answer came within so many seconds; the request may have been taken.
        fluxfill_nb.errors.ServiceError
            The service did not take it.
        """
        # Encoding megapixels would hold up the loop.
        if not request.is_encoded:
            await to_thread.run_sync(request.body, limiter=self._encoding)
        parts = request.body()
        sent = False

        def on_last() -> None:
            nonlocal sent
            sent = True

        headers = {
            "content-type": "application/json",
            "content-length": str(sum(map(len, parts))),
        }
        try:
            with anyio.fail_after(within):
                response = await self._answer(
                    "POST", self._fill_url, headers=headers, body=_streamed(parts, on_last)
                )
        # Whatever it is, as custom ways to a service may raise anything.
        except Exception as error:
            if not sent or isinstance(error, _BEFORE_ANY_BYTE):
                raise errors.ConnectionFailed(
                    f"{self.base.host} cannot be reached: {_kind(error)}. Nothing was sent that "
                    "could be charged."
                ) from error
            raise errors.SubmissionUnconfirmed(
                f"The answer of {self.base.host} was lost: {_kind(error)}. The fill may have been "
                "taken and charged, so it was not sent again; credits() tells what is left."
            ) from error
        return wire.task_of(response, request, self._result_url)

    async def poll(self, task: FillTask, *, age: float, within: float) -> wire.Poll:
        """Ask how far a task is; passing faults are asked again, as long as there is time.

        Raises
        ------
        fluxfill_nb.errors.TaskError
            It has ended without a picture.
        """
        async for attempt in retries.asking(within):
            with attempt:
                try:
                    response = await self._get(task, task.polling_url, seconds=_POLL)
                    return wire.poll_of(response, task)
                except errors.ServiceError as error:
                    error.task = task  # which goes on
                    raise
                except errors.TaskNotFound:
                    if age > _NOT_YET_KNOWN:
                        raise
                    return wire.Poll(status="Not known yet")
        raise AssertionError("tenacity returns or raises")

    async def fetch(self, task: FillTask, address: str, *, within: float) -> bytes:
        """Download a picture; what arrives cut off is fetched again.

        Raises
        ------
        SampleExpired
            The address is not valid any more.
        fluxfill_nb.errors.DownloadFailed
            What arrives is no picture, or too large.
        """
        try:
            async for attempt in retries.asking(within, _ATTEMPTS):
                with attempt:
                    # A signed address needs no key, and must not get one.
                    response = await self._get(task, address, seconds=_DOWNLOAD, keyed=False)
                    await _check(response, task)
                    return response.content
        except errors.ServiceError as error:
            raise _not_fetched(task, f"it cannot be fetched. {error}") from error
        raise AssertionError("tenacity returns or raises")

    async def credits(self, *, within: float) -> float:
        """Ask how many credits are left."""
        address = str(self.base.join("/v1/credits"))
        async for attempt in retries.asking(within, _ATTEMPTS):
            with attempt:
                return wire.credits_of(await self._get(None, address, seconds=min(_POLL, within)))
        raise AssertionError("tenacity returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def _get(
        self, task: FillTask | None, address: str, *, seconds: float, keyed: bool = True
    ) -> httpx.Response:
        """Ask once, with a limit on time and on bytes."""
        goes_on = (
            ""
            if task is None
            else f" Task {task.id} goes on: client.wait(error.task) asks for it again."
        )
        url = wire.address_of(address)
        if url is None:
            raise errors.ConnectionFailed(f"The service gave no valid address.{goes_on}", task=task)
        try:
            with anyio.fail_after(seconds):
                return await self._answer("GET", url, keyed=keyed)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            raise errors.ConnectionFailed(
                f"No answer from {url.host}: {_kind(error)}.{goes_on}", task=task
            ) from error

    async def _answer(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: dict[str, str] | None = None,
        body: AsyncIterator[bytes] | None = None,
        keyed: bool = True,
    ) -> httpx.Response:
        """Send a request once and read its answer whole; redirected only if it has no key."""
        async with self._connections.one() as http:
            outgoing = http.build_request(method, url, headers=headers, content=body)
            try:
                if keyed and may_see(url, self.base):
                    outgoing.headers.update(self._key_header())
                response = await http.send(outgoing, stream=True, follow_redirects=not keyed)
                content = await _whole(response)
            finally:
                # What is kept of it, in answers and errors, must not hold the key.
                outgoing.headers.pop(_KEY_HEADER, None)
        # As httpx has decoded it: the same answer, with its content at hand.
        said = [
            (name, self._without_key(value))
            for name, value in response.headers.raw
            if name.lower() not in _OF_ENCODING
        ]
        return httpx.Response(
            response.status_code,
            headers=said,
            content=content if response.is_success else self._without_key(content),
            request=response.request,
        )

    def _key_header(self) -> dict[str, str]:
        # Not a local name of who sends it: some tracebacks show those.
        key = self._key.get_secret_value()
        return {_KEY_HEADER: key} if key else {}

    def _without_key(self, said: bytes) -> bytes:
        """Leave out the key, which some services repeat when they refuse it."""
        key = self._key.get_secret_value().encode()
        return said.replace(key, b"[key]") if len(key) >= _UNMISTAKABLE else said


async def _streamed(parts: tuple[bytes, ...], on_last: Callable[[], None]) -> AsyncIterator[bytes]:
    for part in parts:
        if part is parts[-1]:
            on_last()  # what was not sent to its end cannot have been taken
        yield part


async def _whole(response: httpx.Response) -> bytes:
    """Read what comes, up to a limit, and close."""
    content = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_DOWNLOAD:
                raise errors.UnexpectedAnswer(
                    f"{response.request.url.host} answers with more than {MAX_DOWNLOAD / 1e6:g} "
                    "MB, which is no picture that was asked for.",
                    response=response,
                )
    finally:
        await response.aclose()
    return bytes(content)


async def _check(response: httpx.Response, task: FillTask) -> None:
    """Raise the error that the answer means unless it is a picture."""
    code = response.status_code
    if code >= 500 or code == 429:
        wire.refuse(response)
    if 400 <= code < 500 and code != 408:
        raise SampleExpired
    if code != 200:
        raise _not_fetched(task, f"the answer has status {code}")
    try:
        await to_thread.run_sync(open_image, response.content, abandon_on_cancel=True)
    except errors.InvalidImage as error:
        raise _not_fetched(task, f"no whole picture came. {error}") from error


def _not_fetched(task: FillTask, why: str) -> errors.DownloadFailed:
    return errors.DownloadFailed(
        f"The picture of task {task.id} is ready and paid for, but {why}. "
        "client.wait(error.task) fetches it again.",
        task=task,
    )


def _kind(error: Exception) -> str:
    """What went wrong on the way: its name only, as the text may hold a signed address."""
    return type(error).__name__
