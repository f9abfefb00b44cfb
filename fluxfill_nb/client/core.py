"""The client, awaited: the one implementation."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias, Unpack, overload
from weakref import WeakSet

import anyio
import httpx
from anyio import to_thread

from .. import errors
from ..images import ImageSource
from ..mask import MaskSource
from ..options import FillKeywords
from ..request import USD_PER_FILL, FillRequest
from ..result import FillResult, FillTask
from ..store import Attempt, RunStore
from ..sweep import Sweep, SweepResult
from . import conductor, wire
from .collected import Collected
from .courier import Courier
from .heartbeat import awake
from .keeper import Keeper
from .keys import is_hosted, key_for
from .pace import expected
from .places import MOST, Places
from .progress import OnProgress
from .run import SETTLES, OnResult, Run
from .schedule import Schedule
from .service import Service
from .tally import Tally

if TYPE_CHECKING:
    from .receiver import Receiver

HOSTED_URL = "https://api.bfl.ai"
"""The hosted service's global address."""

StoreSource: TypeAlias = "RunStore | str | os.PathLike[str] | None"
"""A store, or the folder of one; None: nothing is kept."""

_MOMENT = 0.01


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
    store
        Where all that is sent and all that comes back is kept, a `fluxfill_nb.RunStore` or the
        folder of one: what is there is not paid for again. None: nothing is kept.
    max_active
        How many fills run at once; the hosted service allows 24 a key.
    timeout
        How long to wait for one picture, s. Until there is a place for it, its time does not run.
    transport
        Another way to the service, such as ``LocalServer().transport``.
    webhooks
        Where the service calls when a picture is ready, if requests have that ``webhook_url``: the
        client then asks at once.
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
        store: StoreSource = None,
        max_active: int = MOST,
        timeout: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
        webhooks: Receiver | None = None,
        service: str | None = None,
        price: float | None = None,
    ) -> None:
        base = wire.address_of(base_url)
        if base is None:
            raise errors.InvalidOption(
                f"base_url is {base_url!r}: it must be an http or https address."
            )
        if not (isinstance(timeout, int | float) and timeout > 0):
            raise errors.InvalidOption(f"timeout is {timeout!r} s: it must be a number above 0.")
        if not isinstance(max_active, int) or isinstance(max_active, bool) or max_active < 1:
            raise errors.InvalidOption(
                f"max_active is {max_active!r}: it must be a whole number, 1 or more."
            )
        key = key_for(base, api_key, required=transport is None)
        self._service = Service(base, key, transport)
        self._name = service or base.netloc.decode()
        self._price = USD_PER_FILL if price is None and is_hosted(base) else price
        self._timeout = timeout
        self._max_active = max_active
        self._own_places = anyio.Semaphore(max_active)
        # A service that is reached in another way is another one, whatever its address.
        shared = "bfl.ai" if is_hosted(base) else base.netloc.decode()
        self._keeper = Keeper(
            store if isinstance(store, RunStore) or store is None else RunStore(store),
            "bfl.ai" if is_hosted(base) else self._name,
            is_free=self._price == 0,
            is_within=transport is not None and self._price == 0,
        )
        self._courier = Courier(
            service=self._service,
            name=self._name,
            price=self._price,
            timeout=timeout,
            keeper=self._keeper,
            places=(
                Places.of(shared, key.get_secret_value(), max_active)
                if transport is None
                else Places(max_active)
            ),
            schedule=Schedule(self._keeper.durations()),
            webhooks=webhooks,
        )
        self._under_way: WeakSet[Tally[Any]] = WeakSet()

    @property
    def service(self) -> str:
        """What the service is called."""
        return self._name

    @property
    def price(self) -> float | None:
        """Of a fill, USD; None if it is not known."""
        return self._price

    @property
    def store(self) -> RunStore | None:
        """Where things are kept; None: nowhere."""
        return self._keeper.store

    @property
    def unfinished(self) -> tuple[FillTask, ...]:
        """The tasks that were submitted through this client and whose picture is not here yet."""
        return self._courier.unfinished

    def expected(self, count: int) -> float | None:
        """Return how long so many fills will take, s, going by the last ones in the store.

        Parameters
        ----------
        count
            How many are sent.

        Returns
        -------
        float or None
            None: nothing is known of that.
        """
        return None if self.store is None else expected(self.store, self.service, count)

    async def fill(
        self,
        image: ImageSource | FillRequest,
        mask: MaskSource | None = None,
        prompt: str | None = "",
        *,
        on_progress: OnProgress | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
        **options: Unpack[FillKeywords],
    ) -> FillResult:
        """Fill what the mask marks, and wait for the picture.

        With a store, what is there already is returned at once, and what was sent before is waited
        for; neither is sent again.

        Parameters
        ----------
        image
            The picture, or a whole `fluxfill_nb.FillRequest` (then without mask and prompt).
        mask
            White is filled; None: what is transparent in the picture is.
        prompt
            What belongs there.
        on_progress
            Called with a `fluxfill_nb.result.FillProgress` after each look at the task.
        reuse
            Whether the store's picture of the same request will do. None: if it would come out the
            same again (a seed, no prompt upsampling). True: any. False: a new one is made.
        retry
            Whether to send what may have been paid for without anything to show for it: kinds of
            ends, ``"unconfirmed"`` and ``"expired"``, or True for both.
        **options
            ``seed``, ``guidance``, ``steps``, …: see `fluxfill_nb.options.FillOptions`.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Something given cannot be used; nothing was sent.
        fluxfill_nb.errors.FluxFillError
            Everything else that can go wrong; see `fluxfill_nb.errors`.
        """
        # Decoding and hashing megapixels would hold up the loop.
        request = await to_thread.run_sync(lambda: request_of(image, mask, prompt, **options))
        kinds = self._keeper.kinds(retry, single=True)
        async with self._own_places:
            return await awake(
                lambda: self._courier.obtain(
                    request, reuse=reuse, retry=kinds, on_progress=on_progress
                )
            )

    async def submit(self, request: FillRequest) -> FillTask:
        """Send a request; from then on the service works on it, and it will be charged.

        Waits for a place among the tasks that the key may have under way. Where the service has
        certainly not taken the request (connection refused, 429, 503), it is sent again.

        A submission under way is not broken off when the caller is stopped: the task's id would be
        lost, but not its price. The task is then among ``unfinished``.

        Returns
        -------
        fluxfill_nb.FillTask
            What to wait for.

        Raises
        ------
        fluxfill_nb.errors.SubmissionUnconfirmed
            The answer was lost: the request may have been taken. It is not sent again.
        fluxfill_nb.errors.ServiceError, fluxfill_nb.errors.ConnectionFailed
            The service did not take it.
        """
        kinds = self._keeper.kinds(True, single=True)
        begun = await self._keeper.begin(request, reuse=False, retry=kinds, patience=self._timeout)
        attempt = begun if isinstance(begun, Attempt) else None
        with attempt or nullcontext():
            task, _ = await awake(lambda: self._courier.submit(request, attempt))
        return task

    async def wait(self, task: FillTask, *, on_progress: OnProgress | None = None) -> FillResult:
        """Wait until a task's picture is ready, and fetch it.

        The task may come from another client or another process. Faults on the way are met by
        asking again, which costs nothing, until the client's timeout has passed.

        Parameters
        ----------
        task
            What `submit` returned, an error carried, or was written down elsewhere.
        on_progress
            Called with a `fluxfill_nb.result.FillProgress` after each look at the task.

        Raises
        ------
        fluxfill_nb.errors.TaskError
            There is no picture; the error carries the task. After a timeout or a lost connection,
            ``wait(error.task)`` takes it up again.
        """
        if wire.address_of(task.polling_url) is None:
            raise errors.InvalidOption(
                f"The polling_url of task {task.id} is {task.polling_url!r}: it must be the "
                "address that came with the task."
            )
        attempt = await self._keeper.attempt_of(task)
        return await self._courier.collect(task, attempt, on_progress=on_progress)

    async def resume(self) -> Collected:
        """Collect every picture that is still to be had: of this client, and of its store.

        Returns
        -------
        Collected
            A list of the results, first submitted first, that also says what was ``lost`` and what
            is ``unconfirmed``.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            The service cannot be reached, or a picture is not ready in time. What can be had is
            still to be had: call it again.
        """
        tasks = {task.id: task for task in (*self._keeper.pending(), *self.unfinished)}
        results: list[FillResult] = []
        lost: list[errors.TaskError] = []
        try:
            for task in tasks.values():
                try:
                    results.append(await self.wait(task))
                except (errors.TaskModerated, errors.TaskFailed, errors.TaskNotFound) as error:
                    lost.append(error)
        except BaseException:
            if self.store is None:
                self._courier.take_back(result.task for result in results)
            raise
        return Collected(results, lost, self._keeper.unconfirmed())

    @overload
    def start(
        self, what: Sweep, *, on_result: OnResult | None = ..., budget: float | None = ...,
        reuse: bool | None = ..., retry: bool | Collection[str] = ...,
    ) -> Run[SweepResult]: ...  # fmt: skip
    @overload
    def start(
        self, what: FillRequest, *, on_result: OnResult | None = ..., budget: float | None = ...,
        reuse: bool | None = ..., retry: bool | Collection[str] = ...,
    ) -> Run[FillResult]: ...  # fmt: skip
    def start(
        self,
        what: Sweep | FillRequest,
        *,
        on_result: OnResult | None = None,
        budget: float | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
    ) -> Run[SweepResult] | Run[FillResult]:
        """Start a sweep, or one fill, and return at once.

        Parameters
        ----------
        what
            A `fluxfill_nb.Sweep`, or a request.
        on_result
            Called with each `fluxfill_nb.sweep.Point` and its result or error, in the client's
            thread: it should be quick, and neither print nor display.
        budget
            The most that may be spent now, USD: the run stops before it is passed.
        reuse
            As in `fill`.
        retry
            Kinds of ends that are sent again: ``"failed"``, ``"moderated"``, ``"expired"``,
            ``"unconfirmed"``; True: all. Else such points stay as they are, with their reason.

        Returns
        -------
        Run
            To be awaited, watched, or cancelled.
        """
        run, work = conductor.prepare(
            self, what, on_result=on_result, budget=budget, reuse=reuse, retry=retry, here=True
        )
        conductor.in_background(work)
        return run

    async def sweep(
        self,
        sweep: Sweep,
        *,
        on_result: OnResult | None = None,
        budget: float | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
        dry_run: bool = False,
    ) -> SweepResult:
        """Make all fills of a sweep, and wait for them; in a notebook, with a live grid.

        What is in the store is not sent. A fill that fails is part of the result, with its reason.
        Stopped, it sends nothing more and keeps what is done; the same call goes on with the rest.

        Parameters
        ----------
        sweep
            What to make.
        on_result, budget, reuse, retry
            As in `start`.
        dry_run
            Send nothing: return what is there already.

        Returns
        -------
        fluxfill_nb.SweepResult
            All points: those that failed or are missing too.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            Before anything is sent: a setting cannot be used.
        """
        if dry_run:
            return await conductor.what_is_there(self, sweep, reuse=reuse)
        run = self.start(sweep, on_result=on_result, budget=budget, reuse=reuse, retry=retry)
        with run.shown(awaited=True):
            return await run

    async def credits(self) -> float:
        """Return how many credits the account has left; one is worth $0.01."""
        return await awake(lambda: self._service.credits(within=self._timeout))

    async def close(self) -> None:
        """Stop what runs, and close the connections. Tasks that were submitted go on."""
        runs = tuple(self._under_way)
        for run in runs:
            run.stop()
        with anyio.move_on_after(SETTLES):
            while not all(run.future.done() for run in runs):
                await anyio.sleep(_MOMENT)
        await self._service.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        price = {None: "", 0.0: ", free"}.get(self._price, f", ${self._price} a fill")
        return f"<{type(self).__name__}: {self._name}{price}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Clients hold a key and connections, and are not pickled: make one there.")


def request_of(
    image: ImageSource | FillRequest,
    mask: MaskSource | None,
    prompt: str | None,
    **options: Unpack[FillKeywords],
) -> FillRequest:
    """Return what `AsyncFluxFill.fill` is asked for as one request."""
    if not isinstance(image, FillRequest):
        return FillRequest(image, mask, prompt, **options)
    if mask is not None or prompt:
        raise errors.InvalidOption(
            "A FillRequest has its mask and prompt already; change them with "
            "request.replace(mask=…, prompt=…)."
        )
    return image.replace(**options) if options else image
