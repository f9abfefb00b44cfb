"""The client, awaited: the one implementation."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self, Unpack

import anyio
import httpx
from anyio import to_thread
from pydantic import SecretStr

from .. import errors
from ..images import ImageSource, open_image
from ..mask import MaskSource
from ..options import FillKeywords
from ..request import FILL_PATH, USD_PER_CREDIT, USD_PER_FILL, FillRequest
from ..result import FillResult, FillTask
from . import wire
from .heartbeat import awake
from .schedule import pauses

HOSTED_URL = "https://api.bfl.ai"
"""The hosted service's global address."""

_log = logging.getLogger(__name__)

_RESULT_PATH = "/v1/get_result"
_TIMEOUTS = httpx.Timeout(60.0, connect=10.0)
_SENT_BEFORE_ANY_BYTE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


class AsyncFluxFill:
    """Client of a FLUX.1 Fill service, awaited. `fluxfill_nb.FluxFill` is the same, blocking.

    One client belongs to one event loop.

    Parameters
    ----------
    api_key
        Key of the hosted service; default: the environment variable BFL_API_KEY, which is read for
        addresses of the hosted service only.
    base_url
        Address of the service.
    max_active
        How many fills run at once; the hosted service allows 24 a key.
    timeout
        How long to wait for one picture, s.
    transport
        Another way to the service, such as ``LocalServer().transport``.
    service
        What to call the service; default: its host.
    price
        Of a fill, USD; default: the hosted service's, and unknown for others.

    Raises
    ------
    fluxfill_nb.errors.MissingKey
        The hosted service is meant, and there is no key.

    Examples
    --------
    >>> import asyncio
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> async def main():
    ...     async with ff.AsyncFluxFill(transport=ff.LocalServer().transport) as client:
    ...         picture = Image.linear_gradient("L")
    ...         mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    ...         return await client.fill(picture, mask, steps=15, seed=7)
    >>> asyncio.run(main()).seed
    7
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = HOSTED_URL,
        max_active: int = 24,
        timeout: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
        service: str | None = None,
        price: float | None = None,
    ) -> None:
        self._base = httpx.URL(base_url)
        if self._base.scheme not in ("http", "https") or not self._base.host:
            raise errors.InvalidOption(
                f"base_url is {base_url!r}: it must be an http or https address."
            )
        if not timeout > 0:
            raise errors.InvalidOption(f"timeout is {timeout!r} s: it must be above 0.")
        if max_active < 1:
            raise errors.InvalidOption(f"max_active is {max_active!r}: it must be at least 1.")
        if api_key is None and _is_hosted(self._base):
            api_key = os.environ.get("BFL_API_KEY", "").strip() or None
            if api_key is None and transport is None:
                raise errors.MissingKey(
                    f"{self._base.host} needs an API key. Set the environment variable "
                    "BFL_API_KEY or give api_key=; or do without, on this machine: "
                    'fluxfill_nb.connect("local").'
                )
        self._key = SecretStr(api_key or "")
        self._service = service or self._base.netloc.decode()
        self._price = USD_PER_FILL if price is None and _is_hosted(self._base) else price
        self._timeout = timeout
        self._places = anyio.Semaphore(max_active)
        # Redirects are not followed: httpx would carry the key along to another host.
        self._http = httpx.AsyncClient(
            transport=transport, timeout=_TIMEOUTS, follow_redirects=False
        )
        self._unfinished: dict[str, FillTask] = {}

    @property
    def service(self) -> str:
        """What the service is called."""
        return self._service

    @property
    def unfinished(self) -> tuple[FillTask, ...]:
        """The tasks that were submitted through this client and whose picture is not here yet."""
        return tuple(self._unfinished.values())

    async def fill(
        self,
        image: ImageSource | FillRequest,
        mask: MaskSource | None = None,
        prompt: str | None = "",
        **options: Unpack[FillKeywords],
    ) -> FillResult:
        """Fill what the mask marks, and wait for the picture.

        Parameters
        ----------
        image
            The picture, or a whole `fluxfill_nb.FillRequest` (then without mask and prompt).
        mask
            White is filled; None: what is transparent in the picture is.
        prompt
            What belongs there.
        **options
            ``seed``, ``guidance``, ``steps``, …: see `fluxfill_nb.options.FillOptions`.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Something given cannot be used; nothing was sent.
        fluxfill_nb.errors.FluxFillError
            Everything else that can go wrong; see `fluxfill_nb.errors`.
        """
        if isinstance(image, FillRequest):
            if mask is not None or prompt:
                raise errors.InvalidOption(
                    "A FillRequest has its mask and prompt already; change them with "
                    "request.replace(mask=…, prompt=…)."
                )
            request = image.replace(**options) if options else image
        else:
            # Decoding and hashing megapixels would hold up the loop.
            request = await to_thread.run_sync(lambda: FillRequest(image, mask, prompt, **options))
        async with self._places:
            return await self.wait(await self.submit(request))

    async def submit(self, request: FillRequest) -> FillTask:
        """Send a request; from then on the service works on it, and it will be charged.

        A submission under way is not broken off when the caller is stopped: the task's id would be
        lost, but not its price. The task is then among ``unfinished``.
        """
        return await awake(lambda: self._submit(request))

    async def wait(self, task: FillTask) -> FillResult:
        """Wait until a task's picture is ready, and fetch it.

        The task may come from another client or another process.

        Raises
        ------
        fluxfill_nb.errors.TaskError
            There is no picture; the error carries the task. After a timeout or a lost connection,
            ``wait(error.task)`` takes it up again.
        """
        self._unfinished.setdefault(task.id, task)
        try:
            with anyio.fail_after(self._timeout):
                result = await awake(lambda: self._wait(task))
        except TimeoutError:
            raise errors.TaskTimeout(
                f"Task {task.id} is not ready after {self._timeout:g} s. It goes on: "
                "client.wait(error.task) waits for it again.",
                task=task,
            ) from None
        except (
            errors.TaskModerated, errors.TaskFailed, errors.TaskNotFound,
        ):  # fmt: skip
            del self._unfinished[task.id]
            raise
        self._unfinished.pop(task.id, None)
        return result

    async def resume(self) -> list[FillResult]:
        """Wait for everything in ``unfinished``; return the pictures, first submitted first."""
        return [await self.wait(task) for task in self.unfinished]

    async def credits(self) -> float:
        """Return how many credits the account has left; one is worth $0.01."""
        return await awake(self._credits)

    async def close(self) -> None:
        """Close the connections. Tasks that were submitted go on."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        price = {None: "", 0.0: ", free"}.get(self._price, f", ${self._price} a fill")
        return f"<{type(self).__name__}: {self._service}{price}>"

    # ----------------------------------------------------------------------------------- the steps

    async def _submit(self, request: FillRequest) -> FillTask:
        parts = await to_thread.run_sync(request.body)
        outgoing = self._http.build_request(
            "POST",
            self._base.join(FILL_PATH),
            content=_streamed(parts),
            headers={
                **self._headers(self._base),
                "content-type": "application/json",
                "content-length": str(sum(map(len, parts))),
            },
        )
        with anyio.CancelScope(shield=True):
            try:
                response = await self._http.send(outgoing)
            except httpx.HTTPError as error:
                raise self._lost(error) from error
            task = wire.task_of(response, request, str(self._base.join(_RESULT_PATH)))
            self._unfinished[task.id] = task
        _log.debug("Task %s submitted to %s", task.id, self._base.host)
        return task

    async def _wait(self, task: FillTask) -> FillResult:
        for pause in pauses():
            await anyio.sleep(pause)
            progress = wire.progress_of(await self._get(task, task.polling_url), task)
            if progress.is_ready:
                break
            _log.debug("Task %s: %s", task.id, progress.status)
        encoded = await self._download(task, progress.sample)
        details = dict(progress.details)
        asked = None if task.request is None else task.request.seed
        return FillResult(
            task=task,
            encoded=encoded,
            service=str(details.pop("service", self._service)),
            seed=asked if progress.seed is None else progress.seed,
            duration=(datetime.now(UTC) - task.submitted).total_seconds(),
            price=self._price if progress.cost is None else progress.cost * USD_PER_CREDIT,
            details=details,
        )

    async def _download(self, task: FillTask, address: str) -> bytes:
        # A signed address needs no key, and must not get one.
        response = await self._get(task, address, keyed=False)
        if response.status_code != 200:
            raise errors.DownloadFailed(
                f"The picture of task {task.id} is ready, but cannot be fetched (status "
                f"{response.status_code}). client.wait(error.task) asks for a fresh address.",
                task=task,
            )
        try:
            await to_thread.run_sync(open_image, response.content)
        except errors.InvalidImage as error:
            raise errors.DownloadFailed(
                f"What arrived for task {task.id} is not a whole picture: {error} "
                "client.wait(error.task) fetches it again.",
                task=task,
            ) from error
        return response.content

    async def _get(self, task: FillTask, address: str, *, keyed: bool = True) -> httpx.Response:
        url = httpx.URL(address)
        try:
            return await self._http.get(url, headers=self._headers(url) if keyed else {})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise errors.ConnectionFailed(
                f"No answer from {url.host}: {_kind(error)}. Task {task.id} goes on: "
                "client.wait(error.task) asks for it again.",
                task=task,
            ) from error

    async def _credits(self) -> float:
        address = self._base.join("/v1/credits")
        try:
            response = await self._http.get(address, headers=self._headers(address))
        except httpx.HTTPError as error:
            raise errors.ConnectionFailed(
                f"No answer from {self._base.host}: {_kind(error)}."
            ) from error
        return wire.credits_of(response)

    def _headers(self, url: httpx.URL) -> dict[str, str]:
        """The key, for the service that it belongs to and nobody else."""
        key = self._key.get_secret_value()
        own = (url.scheme, url.host, url.port) == (
            self._base.scheme, self._base.host, self._base.port,
        )  # fmt: skip
        regional = _is_hosted(url) and _is_hosted(self._base)
        return {"x-key": key} if key and (own or regional) else {}

    def _lost(self, error: httpx.HTTPError) -> errors.ConnectionFailed:
        if isinstance(error, _SENT_BEFORE_ANY_BYTE):
            return errors.ConnectionFailed(
                f"{self._base.host} cannot be reached: {_kind(error)}. Nothing was sent."
            )
        return errors.ConnectionFailed(
            f"The answer of {self._base.host} was lost: {_kind(error)}. The fill may have been "
            "taken and charged, so it was not sent again."
        )


async def _streamed(parts: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _is_hosted(url: httpx.URL) -> bool:
    """Whether an address is one of the hosted service's."""
    return url.scheme == "https" and (url.host == "bfl.ai" or url.host.endswith(".bfl.ai"))


def _kind(error: Exception) -> str:
    """What went wrong on the way: its name only, as the text may hold a signed address."""
    return type(error).__name__
