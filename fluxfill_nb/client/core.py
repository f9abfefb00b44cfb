"""The client, awaited: the one implementation."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias, Unpack, overload
from weakref import WeakSet

import anyio
import httpx
from anyio import to_thread

from .. import errors
from ..images import ImageSource
from ..mask import MaskSource
from ..options import FillKeywords
from ..request import USD_PER_CREDIT, USD_PER_FILL, FillRequest
from ..result import FillResult, FillTask
from ..store import Attempt, Pending, RunStore, Stored
from ..sweep import Sweep, SweepResult
from . import conductor, retries, wire
from .collected import Collected
from .doorbell import Doorbell
from .heartbeat import awake, to_its_end
from .keeper import Keeper
from .keys import is_hosted, key_for
from .places import MOST, Place, Places
from .progress import OnProgress, tell
from .run import SETTLES, OnResult, Run
from .schedule import Schedule
from .service import SampleExpired, Service

if TYPE_CHECKING:
    from .receiver import Receiver

HOSTED_URL = "https://api.bfl.ai"
"""The hosted service's global address."""

StoreSource: TypeAlias = "RunStore | str | os.PathLike[str] | None"
"""A store, or the folder of one; None: nothing is kept."""

_log = logging.getLogger(__name__)

# How long a task keeps its place though nobody waits for it: it goes on at the service.
_LEFT_ALONE = 15.0
# The least time for a question, however near the deadline.
_LEAST = 0.5
_MOMENT = 0.01
# Tasks that are waited for from so early on, s, tell how long they take.
_WATCHED = 1.0
_LONGEST_NAME = 80


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
        if not timeout > 0:
            raise errors.InvalidOption(f"timeout is {timeout!r} s: it must be above 0.")
        if max_active < 1:
            raise errors.InvalidOption(f"max_active is {max_active!r}: it must be at least 1.")
        key = key_for(base, api_key, required=transport is None)
        self._service = Service(base, key, transport)
        self._name = service or base.netloc.decode()
        self._price = USD_PER_FILL if price is None and is_hosted(base) else price
        self._timeout = timeout
        self._max_active = max_active
        self._webhooks = webhooks
        self._own_places = anyio.Semaphore(max_active)
        # A service that is reached in another way is another one, whatever its address.
        shared = "bfl.ai" if is_hosted(base) else base.netloc.decode()
        self._places = (
            Places.of(shared, key.get_secret_value(), max_active)
            if transport is None
            else Places(max_active)
        )
        self._place_of: dict[str, Place] = {}
        self._keeper = Keeper(
            store if isinstance(store, RunStore) or store is None else RunStore(store),
            "bfl.ai" if is_hosted(base) else self._name,
            is_free=self._price == 0,
        )
        self._schedule = Schedule(self._keeper.durations())
        self._unfinished: dict[str, FillTask] = {}
        self._runs: WeakSet[Run[Any]] = WeakSet()

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
        return tuple(self._unfinished.values())

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
        kinds = self._keeper.kinds(retry, single=True)
        async with self._own_places:
            return await awake(
                lambda: self._obtain(request, reuse=reuse, retry=kinds, on_progress=on_progress)
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
        patience = self._timeout
        begun = await self._keeper.begin(request, reuse=False, retry=kinds, patience=patience)
        attempt = begun if isinstance(begun, Attempt) else None
        with attempt or nullcontext():
            task, _ = await awake(lambda: self._submit(request, attempt))
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
        return await self._finish(task, time.monotonic() + self._timeout, on_progress, attempt)

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
                self._unfinished = {result.task.id: result.task for result in results} | (
                    self._unfinished
                )
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
            self, what, on_result=on_result, budget=budget, reuse=reuse, retry=retry
        )
        conductor.in_background(run, work)
        self._runs.add(run)
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
        runs = tuple(self._runs)
        for run in runs:
            run.cancel()
        with anyio.move_on_after(SETTLES):
            while not all(run.is_done for run in runs):
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

    # ----------------------------------------------------------------------------------- the steps

    async def _obtain(
        self,
        request: FillRequest,
        *,
        reuse: bool | None,
        retry: Collection[str],
        on_progress: OnProgress | None = None,
        before_sending: Callable[[], None] = lambda: None,
    ) -> FillResult:
        """Return the picture: from the store, of a task under way, or by sending the request."""
        while True:
            begun = await self._keeper.begin(
                request, reuse=reuse, retry=retry, patience=self._timeout
            )
            if isinstance(begun, Stored):
                return begun.result
            if not isinstance(begun, Pending):
                break
            give_up = time.monotonic() + self._timeout
            try:
                return await self._finish(begun.task, give_up, on_progress, begun.attempt)
            except errors.TaskNotFound:
                if "expired" not in retry:
                    raise
        with begun or nullcontext():
            task, give_up = await self._submit(request, begun, before_sending)
        return await self._finish(task, give_up, on_progress, begun)

    async def _submit(
        self,
        request: FillRequest,
        attempt: Attempt | None,
        before_sending: Callable[[], None] = lambda: None,
    ) -> tuple[FillTask, float]:
        """Return the task, and the moment at which to give it up."""
        deadline = retries.Deadline(self._timeout)
        # Of the trials so far; at hand also for who is stopped before the next one.
        refusals: list[errors.FluxFillError] = []
        try:
            async for trial in retries.submitting(deadline):
                with trial:
                    # However long it takes to get a place: the deadline is for the service.
                    began = time.monotonic()
                    place = await self._places.take()
                    deadline.moment += time.monotonic() - began
                    give_up = deadline.moment
                    post = partial(
                        self._post, request, place, give_up, attempt, before_sending, refusals
                    )
                    return await self._send(post, give_up), give_up
        finally:
            if attempt is not None and refusals:
                await self._keeper.note_refusal(attempt, refusals[-1])
        raise AssertionError("tenacity returns or raises")

    async def _send(self, post: Callable[[], Awaitable[FillTask]], give_up: float) -> FillTask:
        """Send a request once, and say more of what hinders it."""
        try:
            # Not even a stop breaks this off: the id would be lost, but not the price.
            return await to_its_end(post)
        except errors.TooManyTasks as error:
            raise self._too_many(error) from None
        except errors.InsufficientCredits as error:
            raise await self._with_credits(error, give_up) from None

    async def _post(
        self,
        request: FillRequest,
        place: Place,
        give_up: float,
        attempt: Attempt | None,
        before_sending: Callable[[], None],
        refusals: list[errors.FluxFillError],
    ) -> FillTask:
        """Send the request, in a place that its task keeps; note why it was not taken."""
        try:
            if not refusals:
                before_sending()
                if attempt is not None:
                    await to_thread.run_sync(attempt.intend)
            task = await self._service.submit(request, within=_left(give_up))
            refusals.clear()
            if attempt is not None:
                await to_thread.run_sync(attempt.submitted, task)
        except BaseException as error:
            place.leave()
            if isinstance(error, errors.FluxFillError):
                refusals.append(error)
            if isinstance(error, errors.TooManyTasks):
                self._places.refused()
            raise
        self._unfinished[task.id] = task
        self._place_of[task.id] = place
        self._leave_place(task, ended=False)
        self._places.accepted()
        _log.info("Task %s: submitted", task.id, extra={"task": task.id})
        return task

    async def _finish(
        self,
        task: FillTask,
        give_up: float,
        on_progress: OnProgress | None,
        attempt: Attempt | None,
    ) -> FillResult:
        """Wait for a task in its place, keep its picture, and note how it ended."""
        if attempt is not None and attempt.result is not None:
            self._unfinished.pop(task.id, None)
            return attempt.result
        self._unfinished.setdefault(task.id, task)
        if (place := self._place_of.get(task.id)) is not None:
            place.expires = float("inf")
        ended = False
        try:
            with anyio.fail_after(_left(give_up)):
                result = await awake(lambda: self._result(task, give_up, on_progress))
            if attempt is not None:
                result = await self._keeper.keep(attempt, result)
            ended = True
        except TimeoutError:
            raise errors.TaskTimeout(
                f"Task {task.id} is not ready after {self._timeout:g} s. It goes on: "
                "client.wait(error.task) waits for it again.",
                task=task,
            ) from None
        except (errors.TaskModerated, errors.TaskFailed, errors.TaskNotFound) as error:
            ended = True
            if attempt is not None:
                await self._keeper.note_end(attempt, error)
            raise
        finally:
            if ended:
                self._unfinished.pop(task.id, None)
            self._leave_place(task, ended=ended)
        _log.info("Task %s: picture received", task.id, extra={"task": task.id})
        return result

    async def _result(
        self, task: FillTask, give_up: float, on_progress: OnProgress | None
    ) -> FillResult:
        poll, was_seen = await self._until_ready(task, give_up, on_progress)
        try:
            encoded = await self._service.fetch(task, poll.sample, within=_left(give_up))
        except SampleExpired:
            _log.info("Task %s: address expired", task.id, extra={"task": task.id})
            poll, _ = await self._until_ready(task, give_up, None)
            encoded = await self._fetch_afresh(task, poll, give_up)
        details = dict(poll.details)
        asked = None if task.request is None else task.request.seed
        return FillResult(
            task=task,
            encoded=encoded,
            service=str(details.pop("service", self._name))[:_LONGEST_NAME],
            seed=asked if poll.seed is None else poll.seed,
            duration=_age(task) if was_seen else None,
            price=self._price if poll.cost is None else poll.cost * USD_PER_CREDIT,
            details=details,
        )

    async def _fetch_afresh(self, task: FillTask, poll: wire.Poll, give_up: float) -> bytes:
        try:
            return await self._service.fetch(task, poll.sample, within=_left(give_up))
        except SampleExpired:
            raise errors.DownloadFailed(
                f"The picture of task {task.id} is ready and paid for, but its address is refused, "
                "a fresh one too. client.wait(error.task) asks for another.",
                task=task,
            ) from None

    async def _until_ready(
        self, task: FillTask, give_up: float, on_progress: OnProgress | None
    ) -> tuple[wire.Poll, bool]:
        """Poll when the schedule says so, or when the service calls.

        Returns also whether it was seen to become ready: else nobody knows how long ago that was.
        """
        bell, looks, age = Doorbell(), 0, _age(task)
        watched = age < _WATCHED
        born = time.monotonic() - age  # clocks on the wall may be set meanwhile
        unsubscribe = self._webhooks.subscribe(task.id, bell.ring) if self._webhooks else None
        try:
            for moment in self._schedule.moments():
                if moment <= age and looks:
                    continue  # past while the last answer came
                # A call comes once; without one, the schedule goes on.
                await (anyio.sleep if bell.is_rung else bell.wait)(max(0.0, moment - age))
                age = time.monotonic() - born
                poll = await self._service.poll(task, age=age, within=_left(give_up))
                looks, age = looks + 1, time.monotonic() - born
                _log.debug("Task %s: %s", task.id, poll.status, extra={"task": task.id})
                if on_progress is not None:
                    await tell(on_progress, task, poll, age=age)
                if poll.is_ready:
                    if was_seen := watched or looks > 1:
                        self._schedule.learn(age, looks=looks)
                    return poll, was_seen
        finally:
            if unsubscribe is not None:
                unsubscribe()
        raise AssertionError("the moments never end")

    def _leave_place(self, task: FillTask, *, ended: bool) -> None:
        """Give the task's place back, at once or when the task must be over."""
        place = self._place_of.get(task.id)
        if place is None:
            return
        if ended:
            del self._place_of[task.id]
            place.leave()
        else:
            place.leave_after(max(_LEFT_ALONE, 3 * (self._schedule.typical or 0.0)))

    def _too_many(self, error: errors.TooManyTasks) -> errors.TooManyTasks:
        return errors.TooManyTasks(
            f"{error} {self._places.taken} of this process's tasks are under way with this key, "
            "and the service takes no more.",
            response=error.response,
        )

    async def _with_credits(
        self, error: errors.InsufficientCredits, give_up: float
    ) -> errors.InsufficientCredits:
        """Say how many credits are left, if the service says so."""
        try:
            left = await self._service.credits(within=_left(give_up))
        except errors.FluxFillError:
            return error
        return errors.InsufficientCredits(
            f"{error} {left:g} credits are left.", response=error.response
        )


def _left(give_up: float) -> float:
    """How much time is left, s."""
    return max(_LEAST, give_up - time.monotonic())


def _age(task: FillTask) -> float:
    """How long ago a task was submitted, s; another machine's clock may be ahead of this one's."""
    return max(0.0, (datetime.now(UTC) - task.submitted).total_seconds())
