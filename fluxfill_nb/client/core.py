"""The client, awaited: the one implementation."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, Self, Unpack

import anyio
import httpx
from anyio import to_thread

from .. import errors
from ..images import ImageSource
from ..mask import MaskSource
from ..options import FillKeywords
from ..request import USD_PER_CREDIT, USD_PER_FILL, FillRequest
from ..result import FillResult, FillTask
from . import retries, wire
from .doorbell import Doorbell
from .heartbeat import awake, to_its_end
from .keys import is_hosted, key_for
from .places import MOST, Place, Places
from .progress import OnProgress, tell
from .schedule import Schedule
from .service import SampleExpired, Service

if TYPE_CHECKING:
    from .receiver import Receiver

HOSTED_URL = "https://api.bfl.ai"
"""The hosted service's global address."""

_log = logging.getLogger(__name__)

# How long a task keeps its place though nobody waits for it: it goes on at the service.
_LEFT_ALONE = 15.0
# The least time for a question, however near the deadline.
_LEAST = 0.5
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
        self._schedule = Schedule()
        self._unfinished: dict[str, FillTask] = {}

    @property
    def service(self) -> str:
        """What the service is called."""
        return self._name

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
        on_progress
            Called with a `fluxfill_nb.result.FillProgress` after each look at the task.
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
        async with self._own_places:
            task, give_up = await awake(lambda: self._submit(request))
            return await self._finish(task, give_up, on_progress)

    async def submit(self, request: FillRequest) -> FillTask:
        """Send a request; from then on the service works on it, and it will be charged.

        Waits for a place among the tasks that the key may have under way. Where the service has
        certainly not taken the request (connection refused, 429, 503), it is sent again.

        A submission under way is not broken off when the caller is stopped: the task's id would be
        lost, but not its price. The task is then among ``unfinished``.

        Raises
        ------
        fluxfill_nb.errors.SubmissionUnconfirmed
            The answer was lost: the request may have been taken. It is not sent again.
        fluxfill_nb.errors.ServiceError, fluxfill_nb.errors.ConnectionFailed
            The service did not take it.
        """
        task, _ = await awake(lambda: self._submit(request))
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
        return await self._finish(task, time.monotonic() + self._timeout, on_progress)

    async def resume(self) -> list[FillResult]:
        """Wait for everything in ``unfinished``; return the pictures, first submitted first.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            There is no picture of one of them. The others stay in ``unfinished``, those that were
            fetched included: call it again.
        """
        results: list[FillResult] = []
        try:
            for task in self.unfinished:
                results.append(await self.wait(task))
        except BaseException:
            self._unfinished = {result.task.id: result.task for result in results} | (
                self._unfinished
            )
            raise
        return results

    async def credits(self) -> float:
        """Return how many credits the account has left; one is worth $0.01."""
        return await awake(lambda: self._service.credits(within=self._timeout))

    async def close(self) -> None:
        """Close the connections. Tasks that were submitted go on."""
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

    async def _submit(self, request: FillRequest) -> tuple[FillTask, float]:
        """Return the task, and the moment at which to give it up."""
        deadline = retries.Deadline(self._timeout)
        async for attempt in retries.submitting(deadline):
            with attempt:
                # However long it takes to get a place: the deadline is for the service.
                began = time.monotonic()
                place = await self._places.take()
                deadline.moment += time.monotonic() - began
                return await self._attempt(request, place, deadline.moment), deadline.moment
        raise AssertionError("tenacity returns or raises")

    async def _attempt(self, request: FillRequest, place: Place, give_up: float) -> FillTask:
        """Send the request once, in a place that its task keeps."""
        try:
            # Not even a stop breaks this off: the id would be lost, but not the price.
            return await to_its_end(lambda: self._post(request, place, give_up))
        except errors.TooManyTasks as error:
            raise self._too_many(error) from None
        except errors.InsufficientCredits as error:
            raise await self._with_credits(error, give_up) from None

    async def _post(self, request: FillRequest, place: Place, give_up: float) -> FillTask:
        try:
            task = await self._service.submit(request, within=_left(give_up))
        except BaseException as error:
            place.leave()
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
        self, task: FillTask, give_up: float, on_progress: OnProgress | None
    ) -> FillResult:
        """Wait for a task in its place, and note how it ended."""
        self._unfinished.setdefault(task.id, task)
        if (place := self._place_of.get(task.id)) is not None:
            place.expires = float("inf")
        ended = False
        try:
            with anyio.fail_after(_left(give_up)):
                result = await awake(lambda: self._result(task, give_up, on_progress))
            ended = True
        except TimeoutError:
            raise errors.TaskTimeout(
                f"Task {task.id} is not ready after {self._timeout:g} s. It goes on: "
                "client.wait(error.task) waits for it again.",
                task=task,
            ) from None
        except (errors.TaskModerated, errors.TaskFailed, errors.TaskNotFound):
            ended = True
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
        poll = await self._until_ready(task, give_up, on_progress)
        try:
            encoded = await self._service.fetch(task, poll.sample, within=_left(give_up))
        except SampleExpired:
            _log.info("Task %s: address expired", task.id, extra={"task": task.id})
            poll = await self._until_ready(task, give_up, None)
            encoded = await self._fetch_afresh(task, poll, give_up)
        details = dict(poll.details)
        asked = None if task.request is None else task.request.seed
        return FillResult(
            task=task,
            encoded=encoded,
            service=str(details.pop("service", self._name))[:_LONGEST_NAME],
            seed=asked if poll.seed is None else poll.seed,
            duration=_age(task),
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
    ) -> wire.Poll:
        """Poll when the schedule says so, or when the service calls."""
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
                    if watched or looks > 1:  # else nobody knows since when
                        self._schedule.learn(age, looks=looks)
                    return poll
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
